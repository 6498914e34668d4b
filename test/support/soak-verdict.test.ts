import { describe, expect, it } from 'vitest'
import { type SoakSample, soakVerdicts } from '../soak/soak-verdict.js'

const MIB = 1024 * 1024
const STEADY_MS = [50, 50, 50, 50]

const EVERY_S = 15

/** Ten minutes: memory that differs by up to a MiB from one look to the next, and grows. */
function samples(mibPerHour: number, fds = (_: number): number => 50, lengthS = 600): SoakSample[] {
  return Array.from({ length: lengthS / EVERY_S }, (_, index) => {
    const seconds = index * EVERY_S
    const mib = 200 + ((index * 7) % 5) / 5 + (mibPerHour * seconds) / 3600
    return { seconds, rssBytes: mib * MIB, fds: fds(seconds) }
  })
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
  it('is good of memory that stays', () => {
    expect(bad(samples(0))).toEqual([])
  })

  it('is bad of memory that grows, of an hour also by little', () => {
    expect(bad(samples(30))).toEqual(['slope'])
    expect(bad(samples(2, () => 50, 3600))).toEqual(['slope'])
  })

  it('of an hour tells growth from a swing of some minutes', () => {
    const swinging = (mibPerHour: number) =>
      samples(mibPerHour, () => 50, 3600).map((sample) => ({
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
    expect(bad(samples(0), [50, 50, 50, 56])).toEqual(['p99.9,'])
    expect(bad(samples(0), [50, 50, 50, 54])).toEqual([])
  })

  it('is bad of anything that must not happen', () => {
    expect(bad(samples(0), STEADY_MS, ['plain 404'])).toEqual(['what'])
  })
})
