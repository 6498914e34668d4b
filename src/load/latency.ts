import { build, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js'
import type { LatencyReport } from './types.js'

const HIGHEST_US = 600_000_000

/** Latencies in microseconds, 1 µs to 10 min with three significant digits. */
export class LatencyRecorder {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: 3,
  })

  /** @param ms any time; what lies beyond the range counts at its end. */
  record(ms: number): void {
    this.#histogram.recordValue(Math.min(HIGHEST_US, Math.max(1, Math.round(ms * 1000))))
  }

  percentileUs(percentile: number): number {
    return this.#histogram.totalCount === 0 ? 0 : this.#histogram.getValueAtPercentile(percentile)
  }

  get maxUs(): number {
    return this.#histogram.totalCount === 0 ? 0 : this.#histogram.maxValue
  }

  report(): LatencyReport {
    const histogram = this.#histogram
    return {
      count: histogram.totalCount,
      meanUs: histogram.totalCount === 0 ? 0 : histogram.mean,
      p50Us: this.percentileUs(50),
      p90Us: this.percentileUs(90),
      p95Us: this.percentileUs(95),
      p99Us: this.percentileUs(99),
      p999Us: this.percentileUs(99.9),
      maxUs: this.maxUs,
      hdr: encodeIntoCompressedBase64(histogram),
    }
  }
}
