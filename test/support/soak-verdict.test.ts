import { build, type Histogram } from 'hdr-histogram-js'
import { describe, expect, it } from 'vitest'
import { type Finding, type SoakSample, soakVerdicts, type Tail, tailOf } from '../soak/soak-verdict.js'

const MIB = 1024 * 1024

function quarters(...ms: readonly number[]): Tail[] {
  return ms.map((each) => ({ ms: each, errorMs: 0 }))
}

const STEADY = quarters(50, 50, 50, 50)

/** Requests between two rests, of which some were slow. */
function stretch(slow: number, slowMs: number): Histogram {
  const times = build({ numberOfSignificantValueDigits: 3 })
  times.recordValueWithCount(10_000, 2_000)
  if (slow > 0) times.recordValueWithCount(slowMs * 1000, slow)
  return times
}

const EVERY_S = 15

/** Ten minutes: memory that differs by up to a MiB from one look to the next, and grows. */
function samples(mibPerHour: number, fds = (_: number): number => 50, lengthS = 600): SoakSample[] {
  return Array.from({ length: lengthS / EVERY_S }, (_, index) => {
    const seconds = index * EVERY_S
    const mib = 200 + ((index * 7) % 5) / 5 + (mibPerHour * seconds) / 3600
    return { seconds, rssBytes: mib * MIB, fds: fds(seconds) }
  })
}

function found(
  wanted: Finding,
  run: readonly SoakSample[],
  tails: readonly Tail[] = STEADY,
  problems: string[] = [],
): string[] {
  return soakVerdicts(run, tails, problems).flatMap(({ name, finding }) =>
    finding === wanted ? [name.split(' ')[0] ?? ''] : [],
  )
}

const bad = (...run: [readonly SoakSample[], (readonly Tail[])?, string[]?]): string[] => found('bad', ...run)
const open = (...run: [readonly SoakSample[], (readonly Tail[])?]): string[] => found('open', ...run)

describe('what a soak has shown', () => {
  it('is good of memory that stays', () => {
    expect(
      found(
        'good',
        samples(0, () => 50, 7200),
      ),
    ).toHaveLength(4)
  })

  it('is open while the bound lies within the error: a short run has not shown it', () => {
    expect(open(samples(0))).toEqual(['slope'])
    expect(bad(samples(0))).toEqual([])
    expect(open([], [])).toEqual(['slope', 'p99.9,'])
  })

  it('is bad of memory that grows, of an hour also by little', () => {
    expect(bad(samples(30))).toEqual(['slope'])
    expect(bad(samples(2, () => 50, 3600))).toEqual(['slope'])
  })

  it('of two hours tells growth from a swing of some minutes', () => {
    const swinging = (mibPerHour: number) =>
      samples(mibPerHour, () => 50, 7200).map((sample) => ({
        ...sample,
        rssBytes: sample.rssBytes + 2 * MIB * Math.sin(sample.seconds / 40),
      }))
    expect(bad(swinging(0))).toEqual([])
    expect(bad(swinging(10))).toEqual(['slope'])
  })

  it('leaves out the first part, while caches fill', () => {
    const run = samples(0).map((sample) =>
      sample.seconds < 350 ? { ...sample, rssBytes: sample.rssBytes / 2 } : sample,
    )
    expect(bad(run)).toEqual([])
  })

  it('is bad of files that stay open', () => {
    expect(bad(samples(0, (seconds) => 50 + seconds / 20))).toEqual(['open'])
  })

  it('is bad of the last quarter that is slower than the first', () => {
    expect(bad(samples(0), quarters(50, 50, 50, 56))).toEqual(['p99.9,'])
    expect(bad(samples(0), quarters(50, 50, 50, 54))).toEqual([])
  })

  it('calls no quarter slower that differs by less than its own stretches do', () => {
    const unsure = [{ ms: 50, errorMs: 2 }, ...quarters(50, 50), { ms: 58, errorMs: 2 }]
    expect(bad(samples(0), unsure)).toEqual([])
    expect(
      open(
        samples(0, () => 50, 7200),
        unsure,
      ),
    ).toEqual(['p99.9,'])
    const sure = [{ ms: 50, errorMs: 0.5 }, ...quarters(50, 50), { ms: 58, errorMs: 0.5 }]
    expect(bad(samples(0), sure)).toEqual(['p99.9,'])
  })

  it('takes the error of a percentile from the stretches of its quarter', () => {
    const alike = tailOf(Array.from({ length: 16 }, () => stretch(5, 50)))
    expect(alike.ms).toBeCloseTo(50, 1)
    expect(alike.errorMs).toBeCloseTo(0)
    const unlike = tailOf(Array.from({ length: 16 }, (_, index) => stretch(5, 40 + ((index * 5) % 16))))
    expect(unlike.ms).toBeGreaterThan(45)
    expect(unlike.ms).toBeLessThan(55)
    expect(unlike.errorMs).toBeGreaterThan(0.1)
    expect(unlike.errorMs).toBeLessThan(5)
    expect(tailOf([stretch(5, 50)]).errorMs).toBe(Number.POSITIVE_INFINITY)
  })

  it('is bad of anything that must not happen', () => {
    expect(bad(samples(0), STEADY, ['plain 404'])).toEqual(['what'])
  })
})
