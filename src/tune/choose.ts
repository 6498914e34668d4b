import { limitOf } from './limit.js'
import { meets, type Slo } from './slo.js'
import type { Point } from './types.js'

/** A number of workers and how it was found. */
export interface Choice {
  readonly workers: number
  /**
   * `fewest-near-best`: the fewest within the tolerance of the best. `fastest-within-slo`: none of those keeps the promise, so
   * it is the fastest of the others that do. `closest-to-slo`: none keeps it, and of those near the best this one is the closest.
   */
  readonly rule: 'fewest-near-best' | 'fastest-within-slo' | 'closest-to-slo'
  /** Null without a promise, and where latency could not be measured. */
  readonly meetsSlo: boolean | null
  /** Counts within the tolerance of the best, ascending. */
  readonly nearBest: readonly number[]
  readonly confidence: 'high' | 'medium' | 'low'
  /** Why the confidence is not high; empty when it is. */
  readonly doubts: readonly string[]
}

/** Share of the best throughput that is given up for fewer workers. */
export const TOLERANCE = 0.03

/** Spread between rounds beyond which their median says little. */
const WILD_SPREAD = 0.15

/**
 * The fewest workers within {@link TOLERANCE} of the best that keep the promise, as far as it could be measured. If none of them
 * keeps it, the fastest that does; if none does at all, the one of them with the shortest latency, since throughput is not given
 * away for nothing. Where two are equal within the tolerance there, the one that costs less CPU per request.
 * @param points at least one.
 */
export function choose(points: readonly Point[], slo: Slo | null): Choice {
  const sorted = points.toSorted((a, b) => a.workers - b.workers)
  const best = Math.max(...sorted.map((point) => point.perSecond))
  const near = sorted.filter((point) => point.perSecond >= best * (1 - TOLERANCE))
  const keeps = (point: Point): boolean | null => (slo === null ? null : meets(slo, point.latencies))
  const chosen = (point: Point, rule: Choice['rule']): Choice => {
    const doubts = doubtsOf(point, sorted, near, slo)
    return {
      workers: point.workers,
      rule,
      meetsSlo: keeps(point),
      nearBest: near.map(({ workers }) => workers),
      ...doubts,
    }
  }
  // What could not be measured is no reason against a count, only one against much confidence.
  const fewest = near.find((point) => keeps(point) !== false)
  if (fewest !== undefined) return chosen(fewest, 'fewest-near-best')
  const keeping = sorted.filter((point) => keeps(point) === true)
  if (keeping.length > 0) {
    return chosen(
      cheapestOf(keeping, (point) => point.perSecond, 'highest'),
      'fastest-within-slo',
    )
  }
  const latency = ({ latencies }: Point): number =>
    slo === null || latencies === null ? Number.POSITIVE_INFINITY : latencies[slo.percentile]
  return chosen(cheapestOf(near, latency, 'lowest'), 'closest-to-slo')
}

/** Of the points that are as good as the best of them, within the tolerance, the one that costs least CPU per request. */
function cheapestOf(
  points: readonly Point[],
  value: (point: Point) => number,
  wanted: 'highest' | 'lowest',
): Point {
  const values = points.map(value)
  const isGood =
    wanted === 'highest'
      ? (point: Point) => value(point) >= Math.max(...values) * (1 - TOLERANCE)
      : (point: Point) => value(point) <= Math.min(...values) * (1 + TOLERANCE)
  return points
    .filter(isGood)
    .reduce((cheapest, point) => (point.cpuUsPerRequest < cheapest.cpuUsPerRequest ? point : cheapest))
}

function doubtsOf(
  chosen: Point,
  all: readonly Point[],
  near: readonly Point[],
  slo: Slo | null,
): Pick<Choice, 'confidence' | 'doubts'> {
  const grave: string[] = []
  const slight: string[] = []
  if (limitOf(chosen) === 'generator-bound') grave.push('the load generator was the limit')
  if (chosen.errors > 0) grave.push(`${chosen.errors} requests failed`)
  for (const doubt of chosen.doubts) grave.push(doubt)
  // Then the others were not compared with it, and it is not known to be slower.
  for (const { workers } of all.filter(({ perSecond }) => perSecond === 0))
    grave.push(
      `${workers} could not be measured: nothing was answered in time, so the machine may be too busy`,
    )
  if (slo !== null && chosen.latencies === null)
    grave.push(`whether it meets ${slo.text} could not be measured`)
  if (chosen.rounds === 1) slight.push('each count was measured once')
  const widest = Math.max(chosen.spread, ...near.map((point) => point.spread))
  if (widest > WILD_SPREAD) grave.push(`the rounds differ by up to ${percent(widest)}`)
  else if (widest > TOLERANCE) slight.push(`the rounds differ by up to ${percent(widest)}`)
  // The next smaller count lost by less than the rounds differ among themselves.
  const below = all.filter((point) => point.workers < chosen.workers).at(-1)
  if (below !== undefined) {
    const ahead = chosen.perSecond / below.perSecond - 1
    if (ahead < Math.max(below.spread, chosen.spread)) {
      slight.push(`${below.workers} may do as well: the difference is within the noise`)
    }
  }
  const confidence = grave.length > 0 ? 'low' : slight.length > 0 ? 'medium' : 'high'
  return { confidence, doubts: [...grave, ...slight] }
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
