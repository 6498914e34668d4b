import { describe, expect, it } from 'vitest'
import { type SoakSample, soakVerdicts } from '../soak/soak-verdict.js'

const MIB = 1024 * 1024
const STEADY_MS = [50, 50, 50, 50]

/** Ten minutes, a sample each second: memory that comes and goes every 25 s, and grows. */
function samples(mibPerHour: number, fds = (_: number): number => 50, lengthS = 600): SoakSample[] {
  return Array.from({ length: lengthS }, (_, seconds) => ({
    seconds,
    rssBytes: (200 + (seconds % 25) * 2 + ((seconds * 7) % 5) / 5 + (mibPerHour * seconds) / 3600) * MIB,
    fds: fds(seconds),
  }))
}

function bad(
  run: readonly SoakSample[],
  p999Ms: readonly number[] = STEADY_MS,
  problems: string[] = [],
): string[] {
  return soakVerdicts(run, p999Ms, problems).flatMap(({ name, isGood }) =>
    isGood ? [] : [name.split(' ')[0] ?? ''],
  )
}

describe('what a soak has shown', () => {
  it('is good of memory that comes and goes', () => {
    expect(bad(samples(0))).toEqual([])
  })

  it('is bad of memory that grows under what comes and goes', () => {
    expect(bad(samples(60))).toEqual(['slope'])
  })

  it('of an hour tells growth from a swing of some minutes', () => {
    const swinging = (mibPerHour: number) =>
      samples(mibPerHour, () => 50, 3600).map((sample) => ({
        ...sample,
        rssBytes: sample.rssBytes + 10 * MIB * Math.sin(sample.seconds / 40),
      }))
    expect(bad(swinging(0))).toEqual([])
    expect(bad(swinging(40))).toEqual(['slope'])
  })

  it('does not take the beginning of a span for its lowest', () => {
    const run = samples(0)
    expect(bad([...run, { seconds: 601, rssBytes: 400 * MIB, fds: 50 }])).toEqual([])
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
    expect(bad(samples(0), [50, 50, 50, 56])).toEqual(['p99.9,'])
    expect(bad(samples(0), [50, 50, 50, 54])).toEqual([])
  })

  it('is bad of anything that must not happen', () => {
    expect(bad(samples(0), STEADY_MS, ['plain 404'])).toEqual(['what'])
  })
})
