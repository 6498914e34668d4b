/** One look at the process of the gateway while nothing is asked of it. */
export interface SoakSample {
  readonly seconds: number
  readonly rssBytes: number
  readonly fds: number
}

export interface SoakVerdict {
  readonly name: string
  readonly value: string
  readonly wanted: string
  readonly isGood: boolean
}

const FEW = 30

/**
 * A straight line through the samples, by least squares, with the standard error of its slope. Per second. What lies off the line stays there for a while
 * (heaps swing within minutes), so that neighbours say nearly the same: there are as many samples as their correlation leaves (Santer et al., 2000).
 * Of fewer than {@link FEW} nobody can tell: they count as they are.
 */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): {
  readonly slope: number
  readonly error: number
} {
  const count = points.length
  if (count < 3) return { slope: 0, error: Number.POSITIVE_INFINITY }
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / count
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / count
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  const slope = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread
  const off = points.map(([x, y]) => y - meanY - slope * (x - meanX))
  const rest = off.reduce((sum, each) => sum + each ** 2, 0)
  const together = off.reduce((sum, each, index) => sum + each * (off[index - 1] ?? 0), 0)
  const correlation = rest === 0 || count < FEW ? 0 : Math.max(0, together / rest)
  const independent = Math.max(3, (count * (1 - correlation)) / (1 + correlation))
  return { slope, error: Math.sqrt(rest / (independent - 2) / spread) }
}

const MIB = 1024 * 1024
/** The first part of a run: caches fill, code is compiled, heaps find their size, which takes a quarter of an hour. Of a run shorter than 25 minutes it is a share. */
const WARM_UP_S = 900
const WARM_UP_SHARE = 0.6
const MOST_MIB_PER_HOUR = 1
const MOST_P999_RATIO = 1.1
/** Differences below it say nothing. */
const SAME_MS = 2

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/**
 * What a soak has shown.
 * @param p999Ms of each quarter of the run
 * @param problems anything that must not happen, whatever the numbers
 */
export function soakVerdicts(
  samples: readonly SoakSample[],
  p999Ms: readonly number[],
  problems: readonly string[],
): SoakVerdict[] {
  const endS = samples.at(-1)?.seconds ?? 0
  const warm = samples.filter(({ seconds }) => seconds >= Math.min(WARM_UP_S, endS * WARM_UP_SHARE))
  const { slope, error } = slopeOf(warm.map(({ seconds, rssBytes }) => [seconds, rssBytes / MIB]))
  const perHour = slope * 3600
  const errorPerHour = error * 3600
  const half = Math.floor(warm.length / 2)
  const [early, late] = [warm.slice(0, half), warm.slice(half)].map((part) =>
    median(part.map(({ fds }) => fds)),
  )
  const first = p999Ms[0] ?? 0
  const last = p999Ms.at(-1) ?? 0
  return [
    {
      name: 'slope of RSS at rest, after warm-up',
      value: `${perHour.toFixed(1)} ± ${(2 * errorPerHour).toFixed(1)} MiB/h`,
      wanted: `< ${MOST_MIB_PER_HOUR} MiB/h within the error`,
      isGood: perHour - 2 * errorPerHour < MOST_MIB_PER_HOUR,
    },
    {
      name: 'open files, median of either half after warm-up',
      value: `${early} → ${late}`,
      wanted: 'flat, within 5',
      isGood: Math.abs((late ?? 0) - (early ?? 0)) <= 5,
    },
    {
      name: 'p99.9, first → last quarter',
      value: `${first.toFixed(1)} → ${last.toFixed(1)} ms`,
      wanted: `≤ ${MOST_P999_RATIO} ×, or within ${SAME_MS} ms`,
      isGood: last <= Math.max(first * MOST_P999_RATIO, first + SAME_MS),
    },
    {
      name: 'what must not happen',
      value: problems.length === 0 ? 'nothing' : problems.join('; '),
      wanted: 'nothing',
      isGood: problems.length === 0,
    },
  ]
}
