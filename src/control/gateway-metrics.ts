import { UNROUTED } from '../histograms/index.js'
import { REFUSAL_KINDS, REJECTION_KINDS } from '../session/counters.js'
import { REASONS } from '../session/errors.js'
import { AdGauges } from '../telemetry/index.js'
import { adGaugeMetrics } from './ad-gauge-metrics.js'
import { adMetrics } from './ad-metrics.js'
import { cacheMetrics } from './cache-metrics.js'
import { configMetrics } from './config-metrics.js'
import { latencyMetrics } from './latency-metrics.js'
import { labelText, type Metric, type Sample } from './metric.js'
import { peerMetrics } from './peer-metrics.js'
import type { GatewayState } from './stats.js'
import type { StatsReader } from './stats-reader.js'
import { upstreamMetrics } from './upstream-metrics.js'

/** Where metrics come from. A room with numbers of its own adds a source here; labels come from closed sets only. */
const SOURCES: readonly ((reader: StatsReader, state: GatewayState) => readonly Metric[])[] = [
  (reader) => [requests(reader)],
  (_, state) => sessionMetrics(state),
  (reader) => latencyMetrics(reader.histograms, reader.task.routes),
  (reader, state) => upstreamMetrics(reader, state),
  (_, { upstreams }) => peerMetrics(upstreams),
  (reader) => cacheMetrics(reader.cache, reader.task.routes),
  (_, { counters }) => adMetrics(counters),
  ({ task: { ads, workers } }) =>
    adGaugeMetrics(ads === undefined ? null : new AdGauges(ads.plan, workers, ads.gauges)),
  (reader, state) => threadMetrics(reader, state),
  (reader, state) => configMetrics(reader.task, state),
  (reader, state) => processMetrics(reader, state),
]

/** Everything that `/metrics` tells. */
export function gatewayMetrics(reader: StatsReader): Metric[] {
  const state = reader.state()
  return SOURCES.flatMap((source) => source(reader, state))
}

function requests({ telemetry, task }: StatsReader): Metric {
  const samples: Sample[] = []
  telemetry.answers.forEach((index, method, status, count) => {
    const route = task.routes[index] ?? UNROUTED
    samples.push([labelText({ route, method, code: status === null ? '_OTHER' : String(status) }), count])
  })
  return [
    'requests_total',
    'counter',
    'Requests by what they were answered; 499: the client left before.',
    samples,
  ]
}

function sessionMetrics({ counters, inFlight, connections }: GatewayState): Metric[] {
  return [
    ['sessions_total', 'counter', 'Requests that passed the guard.', [['', counters.requests]]],
    ['answered_total', 'counter', 'Requests answered completely.', [['', counters.answered]]],
    [
      'client_aborts_total',
      'counter',
      'Requests whose answer did not reach the client completely.',
      [['', counters.aborted]],
    ],
    [
      'responses_total',
      'counter',
      'Answers by class of status.',
      (['1xx', '2xx', '3xx', '4xx', '5xx'] as const).map((code) => [
        labelText({ code }),
        counters[`status:${code}`],
      ]),
    ],
    [
      'rejected_total',
      'counter',
      'Requests refused by the acceptor, and sessions rejected for want of room or of credentials.',
      [
        ...REFUSAL_KINDS.map((reason): Sample => [labelText({ reason }), counters[`refused:${reason}`]]),
        ...REJECTION_KINDS.map((reason): Sample => [labelText({ reason }), counters[`rejected:${reason}`]]),
      ],
    ],
    [
      'errors_total',
      'counter',
      'Sessions that ended with an error, by RFC 9209 type.',
      REASONS.map((reason) => [labelText({ reason }), counters[`error:${reason}`]]),
    ],
    [
      'sessions_queued_total',
      'counter',
      'Sessions that had to wait for a worker with room.',
      [['', counters.queued]],
    ],
    [
      'sessions_shed_total',
      'counter',
      'Sessions refused for their priority under overload.',
      [['', counters.shed]],
    ],
    ['request_body_bytes_total', 'counter', 'Bytes of request bodies received.', [['', counters.bytes_in]]],
    ['response_body_bytes_total', 'counter', 'Bytes of response bodies sent.', [['', counters.bytes_out]]],
    [
      'access_log_dropped_total',
      'counter',
      'Lines of the access log that found no room, or that its file did not take.',
      [['', counters.access_log_dropped]],
    ],
    [
      'connections_opened_total',
      'counter',
      'Connections of clients that were accepted.',
      [['', counters.connections_opened]],
    ],
    ['requests_in_flight', 'gauge', 'Sessions under way.', [['', inFlight]]],
    ['connections', 'gauge', 'Open client connections.', [['', connections]]],
    [
      'mirror_requests_total',
      'counter',
      'Copies of requests for a mirror: sent, not made because of a bound, and failed behind sending.',
      (['sent', 'skipped', 'failed'] as const).map((result) => [
        labelText({ result }),
        counters[`mirror_${result}`],
      ]),
    ],
  ]
}

function threadMetrics(reader: StatsReader, { acceptor, workers }: GatewayState): Metric[] {
  const each = (of: (worker: GatewayState['workers'][number]) => number): Sample[] =>
    workers.map((worker) => [labelText({ worker: String(worker.worker) }), of(worker)])
  const threads = (name: string, help: string, of: (load: GatewayState['acceptor']) => number): Metric => [
    name,
    'gauge',
    help,
    [[labelText({ worker: 'acceptor' }), of(acceptor)], ...each(of)],
  ]
  return [
    ['worker_up', 'gauge', 'Whether a worker is ready.', each(({ state }) => (state === 'ready' ? 1 : 0))],
    [
      'worker_restarts_total',
      'counter',
      'How often a worker was replaced, by why.',
      reader
        .replacements()
        .filter(({ worker, count }) => count > 0 || workers.some((each) => each.worker === worker))
        .map(({ worker, reason, count }) => [labelText({ worker: String(worker), reason }), count]),
    ],
    [
      'queue_depth',
      'gauge',
      'Sessions with a worker, waiting or under way.',
      each(({ inFlight }) => inFlight),
    ],
    threads(
      'worker_event_loop_utilization',
      'Share of the last second in which the event loop was busy.',
      ({ utilization }) => utilization,
    ),
    threads(
      'worker_event_loop_delay_seconds',
      'Largest delay of a timer in the last second.',
      ({ delayMs }) => delayMs / 1000,
    ),
    threads('worker_heap_bytes', 'Heap in use.', ({ heapBytes }) => heapBytes),
  ]
}

function processMetrics({ startMs }: StatsReader, { version, ready }: GatewayState): Metric[] {
  const { user, system } = process.cpuUsage()
  return [
    ['ready', 'gauge', 'Whether requests can be served.', [['', Number(ready)]]],
    ['cpu_seconds_total', 'counter', 'CPU time of the process.', [['', (user + system) / 1e6]]],
    ['resident_memory_bytes', 'gauge', 'Memory of the process.', [['', process.memoryUsage.rss()]]],
    ['start_time_seconds', 'gauge', 'When the gateway was started.', [['', startMs / 1000]]],
    ['build_info', 'gauge', 'Version of the gateway.', [[labelText({ version }), 1]]],
  ]
}
