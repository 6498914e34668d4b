import type { UpstreamConfig } from '../config/types-upstream.js'
import {
  type AnswerBuckets,
  HistogramStore,
  histogramWriters,
  PHASES,
  UNROUTED,
} from '../histograms/index.js'
import { SharedCounters } from '../memory/index.js'
import {
  type OtlpConfig,
  type OtlpHistogramPoint,
  type OtlpMetric,
  startMetricExport,
} from '../otlp/index.js'
import { counterRows, GATEWAY_COUNTERS } from '../session/counters.js'
import type { ControlTask } from './control-task.js'
import { UpstreamHistory } from './upstream-history.js'

/** Sends the gateway's counters and histograms to a collector, if the configuration names one. @param task as it is now. @returns stops, with a last export */
export async function exportMetrics(
  task: () => ControlTask,
  config: OtlpConfig,
  onProblem: (message: string) => void,
): Promise<() => Promise<void>> {
  const { metricsUrl } = config
  if (metricsUrl === null) return async () => undefined
  const history = new UpstreamHistory(task())
  const metrics = (): OtlpMetric[] => {
    const current = task()
    const { workers, routes, counters, histograms, peers, scheme = 'http' } = current
    history.use(current)
    const store = new HistogramStore(histogramWriters(workers), routes.length, histograms)
    return [
      ...gatewayMetrics(new SharedCounters(GATEWAY_COUNTERS, counterRows(workers), counters), store, routes),
      serverDurations(store, routes, scheme),
      clientDurations(history, peers?.upstreams ?? []),
    ]
  }
  return await startMetricExport(config, metricsUrl, metrics, onProblem)
}

const VERSION = { 'network.protocol.version': '1.1' }

/** `http.server.request.duration` with the attributes of the stable semantic conventions. */
export function serverDurations(
  store: HistogramStore,
  routes: readonly string[],
  scheme: 'http' | 'https',
): OtlpMetric {
  const points = routes.flatMap((route, index) =>
    store
      .answers(index)
      .all()
      .map((buckets) => {
        const where = route === UNROUTED ? {} : { 'http.route': route }
        return durationPoint(buckets, { ...where, 'url.scheme': scheme, ...VERSION }, 500)
      }),
  )
  return { kind: 'histogram', name: 'http.server.request.duration', description: '', points }
}

/**
 * `http.client.request.duration`: attempts, from the connection to the last byte. The server is the one peer of the upstream; of several none is told from the
 * others, so that it is the upstream by its name, without a port.
 */
export function clientDurations(history: UpstreamHistory, upstreams: readonly UpstreamConfig[]): OtlpMetric {
  const points = history.totals().flatMap(({ name, durations }) => {
    const peers = upstreams.find((upstream) => upstream.name === name)?.peers ?? []
    const [only] = peers.length === 1 ? peers : []
    const server =
      only === undefined
        ? { 'server.address': name }
        : { 'server.address': only.host, ...(only.port > 0 && { 'server.port': only.port }) }
    return durations.all().map((buckets) => durationPoint(buckets, { ...server, ...VERSION }, 400))
  })
  return { kind: 'histogram', name: 'http.client.request.duration', description: '', points }
}

/** @param failsFrom statuses that are errors: what the client did wrong is none of the server */
function durationPoint(
  { method, status, counts, count, sumS }: AnswerBuckets,
  attributes: OtlpHistogramPoint['attributes'],
  failsFrom: number,
): OtlpHistogramPoint {
  return {
    attributes: {
      'http.request.method': method,
      ...attributes,
      ...(status !== null && { 'http.response.status_code': status }),
      ...(status === null
        ? { 'error.type': '_OTHER' }
        : status >= failsFrom && { 'error.type': String(status) }),
    },
    counts,
    count,
    sumS,
  }
}

/** Phases and counters under names of our own, by route. */
export function gatewayMetrics(
  counters: SharedCounters<(typeof GATEWAY_COUNTERS)[number]>,
  histograms: HistogramStore,
  routes: readonly string[],
): OtlpMetric[] {
  const totals = counters.totals()
  const sums = GATEWAY_COUNTERS.filter((name) => !name.includes(':')).map(
    (name): OtlpMetric => ({
      kind: 'sum',
      name: `headgate.${name}`,
      unit: name.startsWith('bytes') ? 'By' : '1',
      description: '',
      points: [{ attributes: {}, value: totals[name] ?? 0 }],
    }),
  )
  const grouped = (prefix: 'refused' | 'status' | 'error', attribute: string): OtlpMetric => ({
    kind: 'sum',
    name: `headgate.${prefix}`,
    unit: '1',
    description: '',
    points: GATEWAY_COUNTERS.filter((name) => name.startsWith(`${prefix}:`)).map((name) => ({
      attributes: { [attribute]: name.slice(prefix.length + 1) },
      value: totals[name] ?? 0,
    })),
  })
  return [
    ...sums,
    grouped('refused', 'reason'),
    grouped('status', 'class'),
    grouped('error', 'error.type'),
    {
      kind: 'histogram',
      name: 'headgate.phase.duration',
      description: '',
      points: routes.flatMap((route, index) =>
        PHASES.flatMap((phase) => {
          const histogram = histograms.merged(phase, index)
          return histogram.totalCount === 0 ? [] : [{ attributes: { 'http.route': route, phase }, histogram }]
        }),
      ),
    },
  ]
}
