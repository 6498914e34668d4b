import { build, type Histogram } from 'hdr-histogram-js'

/** One look at the process of the gateway while nothing is asked of it. */
export interface SoakSample {
  readonly seconds: number
  readonly rssBytes: number
  readonly fds: number
}

/** A percentile of a part of the run, with its standard error. */
export interface Tail {
  readonly ms: number
  readonly errorMs: number
}

/** `open`: the bound lies within the error, so that a longer run has to tell. */
export type Finding = 'good' | 'bad' | 'open'

export interface SoakVerdict {
  readonly name: string
  readonly value: string
  readonly wanted: string
  readonly finding: Finding
}

/** Whether what was measured stays below a bound. @param error of the value, and of the bound if that was measured too: twice the standard error */
function below(bound: number, value: number, error: number): Finding {
  if (value + error <= bound) return 'good'
  return value - error > bound ? 'bad' : 'open'
}

const isSo = (holds: boolean): Finding => (holds ? 'good' : 'bad')

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

/** Parts of which one at a time is left out to tell the error. */
const GROUPS = 8

/**
 * The 99.9th percentile of what was timed, and how far another run of the same length would lie from it. Requests do not wait alone (the death of a worker
 * delays all that it had), so that the error comes of leaving out stretches of the run and not requests (delete-a-group jackknife, Shao and Wu, 1989).
 * @param stretches µs of the requests between two rests
 */
export function tailOf(stretches: readonly Histogram[]): Tail {
  const p999Ms = (some: readonly Histogram[]): number => {
    const all = build({ numberOfSignificantValueDigits: 3 })
    for (const each of some) all.add(each)
    return all.getValueAtPercentile(99.9) / 1000
  }
  const ms = p999Ms(stretches)
  const groups = Math.min(GROUPS, stretches.length)
  if (groups < 2) return { ms, errorMs: Number.POSITIVE_INFINITY }
  const without = Array.from({ length: groups }, (_, left) =>
    p999Ms(stretches.filter((_, index) => index % groups !== left)),
  )
  const mean = without.reduce((sum, each) => sum + each, 0) / groups
  const spread = without.reduce((sum, each) => sum + (each - mean) ** 2, 0)
  return { ms, errorMs: Math.sqrt((spread * (groups - 1)) / groups) }
}

const MIB = 1024 * 1024
/** The first part of a run: caches fill, code is compiled, heaps find their size. Of a run shorter than 34 minutes it is a share. */
const WARM_UP_S = 1200
const WARM_UP_SHARE = 0.6
const MOST_MIB_PER_HOUR = 1
const MOST_P999_RATIO = 1.1
/** Differences below it say nothing. */
const SAME_MS = 2

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

const NO_TAIL: Tail = { ms: 0, errorMs: Number.POSITIVE_INFINITY }

const tailText = ({ ms, errorMs }: Tail): string => `${ms.toFixed(1)} ± ${(2 * errorMs).toFixed(1)}`

/**
 * What a soak has shown.
 * @param tails of each quarter of the run
 * @param problems anything that must not happen, whatever the numbers
 */
export function soakVerdicts(
  samples: readonly SoakSample[],
  tails: readonly Tail[],
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
  const first = tails[0] ?? NO_TAIL
  const last = tails.at(-1) ?? NO_TAIL
  const most = Math.max(first.ms * MOST_P999_RATIO, first.ms + SAME_MS)
  const tailError = Math.hypot(last.errorMs, first.errorMs * MOST_P999_RATIO)
  return [
    {
      name: 'slope of RSS at rest, after warm-up',
      value: `${perHour.toFixed(1)} ± ${(2 * errorPerHour).toFixed(1)} MiB/h`,
      wanted: `≤ ${MOST_MIB_PER_HOUR} MiB/h`,
      finding: below(MOST_MIB_PER_HOUR, perHour, 2 * errorPerHour),
    },
    {
      name: 'open files, median of either half after warm-up',
      value: `${early} → ${late}`,
      wanted: 'flat, within 5',
      finding: isSo(Math.abs((late ?? 0) - (early ?? 0)) <= 5),
    },
    {
      name: 'p99.9, first → last quarter',
      value: `${tailText(first)} → ${tailText(last)} ms`,
      wanted: `≤ ${MOST_P999_RATIO} ×, or within ${SAME_MS} ms`,
      finding: below(most, last.ms, 2 * tailError),
    },
    {
      name: 'what must not happen',
      value: problems.length === 0 ? 'nothing' : problems.join('; '),
      wanted: 'nothing',
      finding: isSo(problems.length === 0),
    },
  ]
}
