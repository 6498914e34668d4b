import type { JsHistogram } from 'hdr-histogram-js'

/** A point of a percentile curve: the percentile (0 to 100) and the value at it, ms. */
export type CurvePoint = readonly [percentile: number, valueMs: number]

/** Points for each power of ten of 1/(1-p). */
const POINTS_PER_DECADE = 12
const DECADES = 6

/**
 * The percentile curve, with points that are evenly spaced where the axis is the logarithm of 1/(1-p): 90 %, 99 %, 99.9 % … are equally
 * far from each other. It ends where one value more makes no difference. Empty without values.
 */
export function percentileCurve(histogram: JsHistogram): CurvePoint[] {
  const count = histogram.totalCount
  if (count === 0) return []
  const points: CurvePoint[] = []
  for (let step = 0; step <= POINTS_PER_DECADE * DECADES; step += 1) {
    const odds = 10 ** (step / POINTS_PER_DECADE)
    const percentile = 100 - 100 / odds
    points.push([percentile, histogram.getValueAtPercentile(percentile) / 1000])
    if (odds >= count) break
  }
  return points
}
