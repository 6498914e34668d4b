import type { Float64Histogram, JsHistogram } from 'hdr-histogram-js'
import { emptyHistogram, type HistogramStore } from './histogram-store.js'
import { PHASES, type Phase } from './phases.js'

/** Percentiles of one phase, milliseconds. */
export interface LatencySummary {
  readonly count: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

const NOTHING: LatencySummary = { count: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 }

/** One for all summaries of the thread, with nothing in it: a hundred of 160 KiB would be made for one answer of `/stats.json`. */
let scratch: Float64Histogram | null = null

export function summarize(histogram: JsHistogram): LatencySummary {
  const count = histogram.totalCount
  // Most phases of most routes: a percentile of nothing would be looked for in all buckets.
  if (count === 0) return NOTHING
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1000
  return { count, p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: histogram.maxValue / 1000 }
}

/** Summaries of all phases. @param add adds the counts of a phase to others, and tells how many there were */
export function summariesOf(
  add: (phase: Phase, into: Float64Array) => number,
): Record<Phase, LatencySummary> {
  const histogram = scratch ?? emptyHistogram()
  scratch = histogram
  const counts = histogram._counts as Float64Array
  const entries = PHASES.map((phase) => {
    if (add(phase, counts) === 0) return [phase, NOTHING] as const
    histogram.establishInternalTackingValues()
    const summary = summarize(histogram)
    counts.fill(0)
    return [phase, summary] as const
  })
  return Object.fromEntries(entries) as Record<Phase, LatencySummary>
}

/** Summaries of all phases over all routes, since the start. */
export function summaries(store: HistogramStore): Record<Phase, LatencySummary> {
  return summariesOf((phase, into) => store.addCounts(phase, null, into))
}
