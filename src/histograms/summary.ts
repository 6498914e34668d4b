import { HistogramLogWriter, type JsHistogram } from 'hdr-histogram-js'
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

/**
 * Everything recorded since the start as an HdrHistogram log (format 1.3), one line per route and phase, tagged `route:phase`.
 * Values are microseconds.
 */
export function histogramLog(
  store: HistogramStore,
  routeNames: readonly string[],
  startMs: number,
  nowMs: number,
): string {
  let text = ''
  const writer = new HistogramLogWriter((line) => {
    // It ends the start time with two newlines, and some readers stop at an empty line.
    text += line.replace(/\n+$/, '\n')
  })
  writer.outputLogFormatVersion()
  writer.outputStartTime(startMs)
  writer.outputLegend()
  for (const [route, name] of routeNames.entries()) {
    for (const phase of PHASES) {
      const histogram = store.merged(phase, route)
      if (histogram.totalCount === 0) continue
      histogram.tag = `${tagOf(name)}:${phase}`
      writer.outputIntervalHistogram(histogram, 0, (nowMs - startMs) / 1000)
    }
  }
  return text
}

/** A tag holds neither commas nor white space. */
function tagOf(name: string): string {
  return name.replace(/[\s,]+/g, '_')
}

/** Summaries of all phases over all routes. */
export function summaries(store: HistogramStore): Record<Phase, LatencySummary> {
  const entries = PHASES.map((phase) => [phase, summarize(store.merged(phase))] as const)
  return Object.fromEntries(entries) as Record<Phase, LatencySummary>
}
