import {
  BUCKET_BOUNDS_S,
  classicHistogram,
  type HistogramStore,
  PHASES,
  type Phase,
} from '../histograms/index.js'
import { labelText, type Metric, type Sample } from './metric.js'

/** Phases that are spans over others, and so families of their own. */
const OWN_FAMILY: Readonly<Partial<Record<string, readonly [name: string, help: string]>>> = {
  total: ['request_duration_seconds', 'From the request to the last byte of the answer.'],
  upstream: [
    'upstream_duration_seconds',
    'From the connection to the upstream to the last byte of its answer.',
  ],
  overhead: ['overhead_seconds', 'What the gateway added: the total without the upstream.'],
}

/** Latencies by route as histograms with classic buckets, computed from the HDR counts. */
export function latencyMetrics(store: HistogramStore, routes: readonly string[]): Metric[] {
  const metrics: Metric[] = []
  const inPhases: Sample[] = []
  for (const phase of PHASES) {
    const own = OWN_FAMILY[phase]
    const samples = own === undefined ? inPhases : []
    for (const [route, name] of routes.entries())
      samples.push(
        ...histogramSamples(
          store,
          route,
          phase,
          own === undefined ? { route: name, phase } : { route: name },
        ),
      )
    if (own !== undefined) metrics.push([own[0], 'histogram', own[1], samples])
  }
  metrics.push(['phase_duration_seconds', 'histogram', 'What each phase of a session took.', inPhases])
  return metrics
}

function histogramSamples(
  store: HistogramStore,
  route: number,
  phase: Phase,
  labels: Readonly<Record<string, string>>,
): Sample[] {
  const { cumulative, count, sumS } = classicHistogram(store, route, phase)
  const bucket = (le: string, value: number): Sample => [`_bucket${labelText({ ...labels, le })}`, value]
  return [
    ...BUCKET_BOUNDS_S.map((boundS, index) => bucket(String(boundS), cumulative[index] ?? 0)),
    bucket('+Inf', count),
    [`_sum${labelText(labels)}`, sumS],
    [`_count${labelText(labels)}`, count],
  ]
}
