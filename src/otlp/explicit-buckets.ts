import type { JsHistogram } from 'hdr-histogram-js'

/** Upper bounds, seconds: those that OpenTelemetry advises for durations of requests, and four finer ones before them. */
export const BUCKET_BOUNDS_S = [
  0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
] as const

/** Counts between the bounds of {@link BUCKET_BOUNDS_S}, and beyond the last. @param histogram of microseconds */
export function explicitBuckets(histogram: JsHistogram): number[] {
  const counts = BUCKET_BOUNDS_S.map(() => 0)
  counts.push(0)
  let bucket = 0
  for (let index = 0; index < histogram.countsArrayLength; index += 1) {
    const count = histogram.getCountAtIndex(index)
    if (count === 0) continue
    const valueS = histogram.valueFromIndex(index) / 1e6
    while (bucket < BUCKET_BOUNDS_S.length && valueS > (BUCKET_BOUNDS_S[bucket] ?? 0)) bucket += 1
    counts[bucket] = (counts[bucket] ?? 0) + count
  }
  return counts
}
