import { type Choice, choose, TOLERANCE } from './choose.js'
import { isWide, searchCounts, searchLength } from './counts.js'
import { type Limit, limitOf } from './limit.js'
import { median } from './median.js'
import { fitScalingLaw, type ScalingLaw } from './scaling-law.js'
import type { Slo } from './slo.js'
import type { Latencies, Measurement, Point, Rig } from './types.js'

export interface TuneOptions {
  /** Ascending, at least one. */
  readonly counts: readonly number[]
  /** How often each count is measured, at least 1; rounds are interleaved, so that a noisy minute hits all counts alike. */
  readonly rounds: number
  readonly slo: Slo | null
  readonly onProgress?: (progress: Progress) => void
}

/** How far it is. */
export interface Progress {
  /** Measurements finished, and how many there will be; the latter may change while it searches. */
  readonly done: number
  readonly total: number
  readonly workers: number
  readonly round: number
  /** What is done now, in a few words. */
  readonly step: string
}

export interface TuneResult {
  /** Ascending by number of workers. */
  readonly points: readonly Point[]
  /** Null when nothing was answered. */
  readonly law: ScalingLaw | null
  readonly choice: Choice
  /** What limits the chosen point. */
  readonly limit: Limit
}

/** Of a wide search, the counts that are worth further rounds: those this near to the best, and no more than so many. */
const FINALIST_WITHIN = 0.1
const FINALISTS = 5

/**
 * Measures the counts and chooses one. When there are many, they are searched first, and the best measured again.
 * @throws Error of the rig; when nothing was answered at any count.
 */
export async function runTune(rig: Rig, options: TuneOptions): Promise<TuneResult> {
  const { counts, rounds, slo, onProgress } = options
  const measured = new Map<number, Measurement[]>()
  const wide = isWide(counts)
  let done = 0
  let total = wide ? searchLength(counts) + (rounds - 1) * FINALISTS : counts.length * rounds
  const measure = async (workers: number, round: number): Promise<Measurement> => {
    const measurement = await rig.measure(workers, (step) =>
      onProgress?.({ done, total: Math.max(total, done + 1), workers, round, step }),
    )
    const list = measured.get(workers) ?? []
    list.push(measurement)
    measured.set(workers, list)
    done += 1
    return measurement
  }

  let again = counts
  if (wide) {
    await searchCounts(counts, async (workers) => (await measure(workers, 1)).perSecond, TOLERANCE)
    const first = choose(pointsOf(measured), slo)
    // The search looks for throughput: fewer workers may keep a promise that the fastest break.
    if (first.rule !== 'fewest-near-best') {
      const smaller = counts.filter((count) => count < (first.nearBest[0] ?? 0) && !measured.has(count))
      for (const workers of smaller) await measure(workers, 1)
    }
    again = finalists(pointsOf(measured), slo)
    total = done + (rounds - 1) * again.length
  }
  for (let round = wide ? 2 : 1; round <= rounds; round += 1) {
    // Up and down by turns: what drifts over time hits both ends alike.
    for (const workers of round % 2 === 1 ? again : again.toReversed()) await measure(workers, round)
  }

  const points = pointsOf(measured)
  if (points.every((point) => point.perSecond === 0)) {
    throw new Error('no request was answered as expected, whatever the number of workers')
  }
  const choice = choose(points, slo)
  const chosen = points.find((point) => point.workers === choice.workers)
  return {
    points,
    law: fitScalingLaw(points),
    choice,
    limit: chosen === undefined ? 'upstream-bound' : limitOf(chosen),
  }
}

function finalists(points: readonly Point[], slo: Slo | null): number[] {
  const best = Math.max(...points.map(({ perSecond }) => perSecond))
  const near = points.filter(({ perSecond }) => perSecond >= best * (1 - FINALIST_WITHIN))
  const chosen = choose(points, slo).workers
  const counts = new Set([chosen, ...near.map(({ workers }) => workers)])
  return [...counts].slice(0, FINALISTS).toSorted((a, b) => a - b)
}

function pointsOf(measured: ReadonlyMap<number, readonly Measurement[]>): Point[] {
  return [...measured.values()].map(pointOf).toSorted((a, b) => a.workers - b.workers)
}

/** @param rounds at least one, of the same number of workers */
function pointOf(rounds: readonly Measurement[]): Point {
  const middle = (value: (measurement: Measurement) => number): number => median(rounds.map(value))
  const rates = rounds.map(({ perSecond }) => perSecond)
  const perSecond = median(rates)
  return {
    workers: rounds[0]?.workers ?? 0,
    rounds: rounds.length,
    perSecond,
    spread: perSecond === 0 ? 0 : (Math.max(...rates) - Math.min(...rates)) / perSecond,
    cpuUsPerRequest: middle((one) => one.cpuUsPerRequest),
    residentBytes: middle((one) => one.residentBytes),
    acceptorBusy: middle((one) => one.acceptorBusy),
    workersBusy: middle((one) => one.workersBusy),
    grantedShare: middle((one) => one.grantedShare),
    machineBusy: middle((one) => one.machineBusy),
    throttledShare: middle((one) => one.throttledShare),
    preemptionsPerSecond: middle((one) => one.preemptionsPerSecond),
    generatorBusy: middle((one) => one.generatorBusy),
    errors: rounds.reduce((sum, one) => sum + one.errors, 0),
    latencies: middleLatencies(rounds.flatMap(({ latencies }) => (latencies === null ? [] : [latencies]))),
    doubts: [...new Set(rounds.flatMap(({ doubts }) => doubts))],
  }
}

function middleLatencies(all: readonly Latencies[]): Latencies | null {
  if (all.length === 0) return null
  const middle = (key: keyof Latencies): number => median(all.map((one) => one[key]))
  return {
    ratePerSecond: middle('ratePerSecond'),
    p50Us: middle('p50Us'),
    p90Us: middle('p90Us'),
    p95Us: middle('p95Us'),
    p99Us: middle('p99Us'),
    p999Us: middle('p999Us'),
  }
}
