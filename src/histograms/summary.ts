import type { JsHistogram } from 'hdr-histogram-js'
import type { HistogramStore } from './histogram-store.js'
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

export function summarize(histogram: JsHistogram): LatencySummary {
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1000
  const count = histogram.totalCount
  return {
    count,
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: count === 0 ? 0 : histogram.maxValue / 1000,
  }
}

/** Summaries of all phases. @param histogramOf gives the histogram of a phase */
export function summariesOf(histogramOf: (phase: Phase) => JsHistogram): Record<Phase, LatencySummary> {
  const entries = PHASES.map((phase) => [phase, summarize(histogramOf(phase))] as const)
  return Object.fromEntries(entries) as Record<Phase, LatencySummary>
}

/** Summaries of all phases over all routes, since the start. */
export function summaries(store: HistogramStore): Record<Phase, LatencySummary> {
  return summariesOf((phase) => store.merged(phase))
}
