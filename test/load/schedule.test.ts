import { describe, expect, it } from 'vitest'
import { schedule, TICK_MS } from '#src/load/schedule.js'

describe('schedule of an open loop', () => {
  it('has as many uniform requests as the rate says, on the grid of the metronome', () => {
    const due = [...schedule(1000, 2000, 'uniform')]
    expect(due).toHaveLength(2000)
    expect(due.every((ms) => ms % TICK_MS === 0)).toBe(true)
    expect(due[1500]).toBe(1500)
  })

  it('does not drift: the time of the n-th request is n times the gap', () => {
    const due = [...schedule(333, 60_000, 'uniform')]
    const last = due.at(-1) ?? 0
    expect(last - ((due.length - 1) * 1000) / 333).toBeLessThanOrEqual(TICK_MS)
  })

  it('spreads poisson arrivals about the same mean: the gaps vary as much as they are long', () => {
    const due = [...schedule(100, 100_000, 'poisson')]
    expect(due.length).toBeGreaterThan(9500)
    expect(due.length).toBeLessThan(10_500)
    const gaps = due.slice(1).map((ms, index) => ms - (due[index] ?? 0))
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length)
    expect(deviation / mean).toBeGreaterThan(0.9)
    expect(deviation / mean).toBeLessThan(1.1)
    expect(due.every((ms, index) => index === 0 || ms >= (due[index - 1] ?? 0))).toBe(true)
  })

  it('is the same for every peer: equal seeds give equal times, others do not', () => {
    const times = (seed: number): number[] => [...schedule(500, 1000, 'poisson', seed)]
    expect(times(1)).toEqual(times(1))
    expect(times(1)).not.toEqual(times(2))
  })
})
