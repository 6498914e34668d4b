import { labelText, type Metric, type Sample } from './metric.js'
import type { GatewayState } from './stats.js'
import type { StatsReader } from './stats-reader.js'

/** Requests to upstreams and connections to them, over all workers. */
export function upstreamMetrics(
  reader: StatsReader,
  { counters, connectionReuseRatio }: GatewayState,
): Metric[] {
  return [
    ...attemptMetrics(reader),
    [
      'upstream_connections_opened_total',
      'counter',
      'Connections made to upstreams.',
      [['', counters.upstream_connections_opened]],
    ],
    [
      'upstream_connections_reused_total',
      'counter',
      'Requests that found a pooled connection.',
      [['', counters.upstream_connections_reused]],
    ],
    [
      'upstream_connection_reuse_ratio',
      'gauge',
      'Share of requests to upstreams that found a pooled connection, since the start.',
      [['', connectionReuseRatio]],
    ],
    ['dns_lookups_total', 'counter', 'Names of peers that were asked for.', [['', counters.dns_lookups]]],
    ['dns_failures_total', 'counter', 'Lookups that gave no address.', [['', counters.dns_failures]]],
  ]
}

/** By upstream; labels are names of the configuration, codes and reasons. */
function attemptMetrics(reader: StatsReader): Metric[] {
  const answers: Sample[] = []
  const retried: Sample[] = []
  const failures: Sample[] = []
  for (const { name: upstream, answers: byStatus, failures: byReason, retries } of reader.history.totals()) {
    retried.push([labelText({ upstream }), retries])
    for (const [status, count] of byStatus)
      answers.push([labelText({ upstream, code: status < 0 ? '_OTHER' : String(status) }), count])
    for (const [reason, count] of byReason) failures.push([labelText({ upstream, reason }), count])
  }
  const connections = reader.history.connections((worker) => reader.isAlive(worker))
  return [
    [
      'upstream_requests_total',
      'counter',
      'Attempts at upstreams that were answered, by what; each retry is one more.',
      answers,
    ],
    ['upstream_retries_total', 'counter', 'Attempts behind the first of their sessions.', retried],
    ['upstream_errors_total', 'counter', 'Attempts at upstreams that failed, by RFC 9209 type.', failures],
    [
      'upstream_connections',
      'gauge',
      'Connections to upstreams: with a request under way, and waiting for one.',
      connections.flatMap(({ name: upstream, active, idle }): Sample[] => [
        [labelText({ upstream, state: 'active' }), active],
        [labelText({ upstream, state: 'idle' }), idle],
      ]),
    ],
  ]
}
