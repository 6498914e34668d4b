import type { JsHistogram } from 'hdr-histogram-js'
import { hdr } from './hdr.js'
import type { HistogramStore } from './histogram-store.js'
import type { IntervalRecorder } from './interval-recorder.js'
import { PHASES, type Phase } from './phases.js'

/** Which histograms are wanted. */
export interface HistogramChoice {
  /** Default: all. */
  readonly route?: number
  /** Default: all. */
  readonly phase?: Phase
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
  choice: HistogramChoice = {},
): string {
  return log(startMs, (write) => {
    for (const { route, phase, tag } of chosen(routeNames, choice))
      write(store.merged(phase, route), tag, startMs, nowMs)
  })
}

/** The same for each of the last intervals, for tools that draw latency over time. @param seconds how many, at most 60 */
export function intervalLog(
  recorder: IntervalRecorder,
  routeNames: readonly string[],
  startMs: number,
  seconds: number,
  choice: HistogramChoice = {},
): string {
  return log(startMs, (write) => {
    for (const { route, phase, tag } of chosen(routeNames, choice)) {
      for (const { span, histogram } of recorder.intervals(phase, route, seconds))
        write(histogram, tag, span.startMs, span.endMs)
    }
  })
}

/** The percentile distribution of each histogram as text, as the HdrHistogram tools print and plot it. Values are milliseconds. */
export function percentileText(
  store: HistogramStore,
  routeNames: readonly string[],
  choice: HistogramChoice = {},
): string {
  let text = ''
  for (const { route, phase, tag } of chosen(routeNames, choice)) {
    const histogram = store.merged(phase, route)
    if (histogram.totalCount === 0) continue
    text += `# ${tag}, milliseconds\n${histogram.outputPercentileDistribution(5, 1000)}\n`
  }
  return text
}

type Write = (histogram: JsHistogram, tag: string, fromMs: number, toMs: number) => void

function log(startMs: number, fill: (write: Write) => void): string {
  let text = ''
  const { HistogramLogWriter } = hdr()
  const writer = new HistogramLogWriter((line) => {
    // It ends the start time with two newlines, and some readers stop at an empty line.
    text += line.replace(/\n+$/, '\n')
  })
  writer.outputLogFormatVersion()
  writer.outputStartTime(startMs)
  writer.outputLegend()
  fill((histogram, tag, fromMs, toMs) => {
    if (histogram.totalCount === 0) return
    histogram.tag = tag
    writer.outputIntervalHistogram(histogram, (fromMs - startMs) / 1000, (toMs - startMs) / 1000)
  })
  return text
}

function* chosen(
  routeNames: readonly string[],
  choice: HistogramChoice,
): Generator<{ readonly route: number; readonly phase: Phase; readonly tag: string }> {
  for (const [route, name] of routeNames.entries()) {
    if (choice.route !== undefined && choice.route !== route) continue
    for (const phase of PHASES) {
      if (choice.phase === undefined || choice.phase === phase)
        yield { route, phase, tag: `${tagOf(name)}:${phase}` }
    }
  }
}

/** A tag holds neither commas nor white space. */
function tagOf(name: string): string {
  return name.replace(/[\s,]+/g, '_')
}
