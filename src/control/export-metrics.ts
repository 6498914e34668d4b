import { HistogramStore, histogramWriters, PHASES } from '../histograms/index.js'
import { SharedCounters } from '../memory/index.js'
import { type OtlpConfig, type OtlpMetric, startMetricExport } from '../otlp/index.js'
import { counterRows, GATEWAY_COUNTERS } from '../session/counters.js'
import type { ControlTask } from './control-task.js'

/** Sends the gateway's counters and histograms to a collector, if the configuration names one. @param task as it is now */
export async function exportMetrics(
  task: () => ControlTask,
  config: OtlpConfig,
  onProblem: (message: string) => void,
): Promise<void> {
  const { metricsUrl } = config
  if (metricsUrl === null) return
  const metrics = (): OtlpMetric[] => {
    const { workers, routes, counters, histograms } = task()
    return gatewayMetrics(
      new SharedCounters(GATEWAY_COUNTERS, counterRows(workers), counters),
      new HistogramStore(histogramWriters(workers), routes.length, histograms),
      routes,
    )
  }
  await startMetricExport(config, metricsUrl, metrics, onProblem)
}

/** Durations as the semantic conventions call them, by route; phases and counters under names of our own. */
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
  const durations = (
    name: string,
    phases: readonly (typeof PHASES)[number][],
    named: boolean,
  ): OtlpMetric => ({
    kind: 'histogram',
    name,
    description: '',
    points: routes.flatMap((route, index) =>
      phases.flatMap((phase) => {
        const histogram = histograms.merged(phase, index)
        if (histogram.totalCount === 0) return []
        return [{ attributes: { 'http.route': route, ...(named ? { phase } : {}) }, histogram }]
      }),
    ),
  })
  return [
    ...sums,
    grouped('refused', 'reason'),
    grouped('status', 'class'),
    grouped('error', 'error.type'),
    durations('http.server.request.duration', ['total'], false),
    durations('http.client.request.duration', ['upstream'], false),
    durations('headgate.phase.duration', PHASES, true),
  ]
}
