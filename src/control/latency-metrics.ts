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
  upstream: [
    'upstream_duration_seconds',
    'From the connection to the upstream to the last byte of its answer.',
  ],
  overhead: ['overhead_seconds', 'What the gateway added: the total without the upstream.'],
}

/** Latencies by route as histograms with classic buckets, computed from the HDR counts. */
export function latencyMetrics(store: HistogramStore, routes: readonly string[]): Metric[] {
  const metrics: Metric[] = [requestDurations(store, routes)]
  const inPhases: Sample[] = []
  for (const phase of PHASES) {
    // It has a family by method and status.
    if (phase === 'total') continue
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

function requestDurations(store: HistogramStore, routes: readonly string[]): Metric {
  const samples = routes.flatMap((route, index) =>
    store
      .answers(index)
      .all()
      .flatMap(({ method, status, counts, count, sumS }) => {
        const labels = { route, method, code: status === null ? '_OTHER' : String(status) }
        let upTo = 0
        const buckets = BUCKET_BOUNDS_S.map((boundS, bucket): Sample => {
          upTo += counts[bucket] ?? 0
          return [`_bucket${labelText({ ...labels, le: String(boundS) })}`, upTo]
        })
        return [
          ...buckets,
          [`_bucket${labelText({ ...labels, le: '+Inf' })}`, count] as const,
          [`_sum${labelText(labels)}`, sumS] as const,
          [`_count${labelText(labels)}`, count] as const,
        ]
      }),
  )
  const help = 'From the request to the last byte of the answer.'
  return ['request_duration_seconds', 'histogram', help, samples]
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
