import { REFUSAL_KINDS } from '../session/counters.js'
import { REASONS } from '../session/errors.js'
import { peerMetrics } from './peer-metrics.js'
import type { GatewayStats } from './stats.js'

/** The counters and gauges in Prometheus text format 0.0.4. Labels come from closed sets only. */
export function prometheusText(stats: GatewayStats): string {
  const { counters } = stats
  const lines: string[] = []
  const metric = (
    name: string,
    type: 'counter' | 'gauge',
    help: string,
    samples: readonly [string, number][],
  ): void => {
    lines.push(`# HELP headgate_${name} ${help}`, `# TYPE headgate_${name} ${type}`)
    for (const [labels, value] of samples) lines.push(`headgate_${name}${labels} ${value}`)
  }
  metric('requests_total', 'counter', 'Requests that passed the guard.', [['', counters.requests]])
  metric('answered_total', 'counter', 'Requests answered completely.', [['', counters.answered]])
  metric('client_aborts_total', 'counter', 'Requests whose answer did not reach the client completely.', [
    ['', counters.aborted],
  ])
  metric(
    'responses_total',
    'counter',
    'Answers by class of status.',
    (['1xx', '2xx', '3xx', '4xx', '5xx'] as const).map((code) => [
      `{code="${code}"}`,
      counters[`status:${code}`],
    ]),
  )
  metric(
    'rejected_total',
    'counter',
    'Requests refused by the acceptor.',
    REFUSAL_KINDS.map((kind) => [`{reason="${kind}"}`, counters[`refused:${kind}`]]),
  )
  metric(
    'errors_total',
    'counter',
    'Sessions that ended with an error, by RFC 9209 type.',
    REASONS.map((reason) => [`{reason="${reason}"}`, counters[`error:${reason}`]]),
  )
  metric('upstream_retries_total', 'counter', 'Attempts after the first.', [['', counters.retries]])
  metric('upstream_connections_opened_total', 'counter', 'Connections made to upstreams.', [
    ['', counters.upstream_connections_opened],
  ])
  metric('upstream_connections_reused_total', 'counter', 'Requests that found a pooled connection.', [
    ['', counters.upstream_connections_reused],
  ])
  metric(
    'upstream_connection_reuse_ratio',
    'gauge',
    'Share of requests to upstreams that found a pooled connection, since the start.',
    [['', stats.connectionReuseRatio]],
  )
  metric('dns_lookups_total', 'counter', 'Names of peers that were asked for.', [['', counters.dns_lookups]])
  metric('dns_failures_total', 'counter', 'Lookups that gave no address.', [['', counters.dns_failures]])
  metric(
    'mirror_requests_total',
    'counter',
    'Copies of requests for a mirror: sent, not made because of a bound, and failed behind sending.',
    (['sent', 'skipped', 'failed'] as const).map((result) => [
      `{result="${result}"}`,
      counters[`mirror_${result}`],
    ]),
  )
  metric('sessions_queued_total', 'counter', 'Sessions that had to wait for a worker with room.', [
    ['', counters.queued],
  ])
  metric('sessions_shed_total', 'counter', 'Sessions refused for their priority under overload.', [
    ['', counters.shed],
  ])
  metric('request_body_bytes_total', 'counter', 'Bytes of request bodies received.', [
    ['', counters.bytes_in],
  ])
  metric('response_body_bytes_total', 'counter', 'Bytes of response bodies sent.', [['', counters.bytes_out]])
  metric('requests_in_flight', 'gauge', 'Sessions under way.', [['', stats.inFlight]])
  metric(
    'worker_up',
    'gauge',
    'Whether a worker is ready.',
    stats.workers.map(({ worker, state }) => [`{worker="${worker}"}`, state === 'ready' ? 1 : 0]),
  )
  metric(
    'worker_restarts_total',
    'counter',
    'How often a worker was replaced.',
    stats.workers.map(({ worker, restarts }) => [`{worker="${worker}"}`, restarts]),
  )
  metric('config_generation', 'gauge', 'Number of the configuration in use, 1 being that of the start.', [
    ['', stats.config.generation],
  ])
  metric('config_last_reload_successful', 'gauge', 'Whether the last reload succeeded; 1 before the first.', [
    ['', stats.config.lastSucceeded ? 1 : 0],
  ])
  metric('config_reloads_total', 'counter', 'Reloads that were asked for, by what became of them.', [
    ['{result="succeeded"}', stats.config.succeeded],
    ['{result="failed"}', stats.config.failed],
  ])
  for (const [name, type, help, samples] of peerMetrics(stats.upstreams)) metric(name, type, help, samples)
  metric('build_info', 'gauge', 'Version of the gateway.', [[`{version="${stats.version}"}`, 1]])
  return `${lines.join('\n')}\n`
}
