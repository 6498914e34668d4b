import { describe, expect, it } from 'vitest'
import { workerCounts } from '#src/tune/counts.js'
import { type Progress, runTune } from '#src/tune/run-tune.js'
import { parseSlo } from '#src/tune/slo.js'
import { type Capacity, CapacityModel } from './capacity-model.js'

/** Forwarding costs the acceptor about as much as a worker. */
const PASS_THROUGH: Capacity = { cores: 8, acceptorUs: 12, workerUs: 18 }
/** A filter that computes for a millisecond. */
const CPU_BOUND: Capacity = { ...PASS_THROUGH, workerUs: 1018 }

async function tune(capacity: Capacity, slo: string | null = null, rounds = 3) {
  const model = new CapacityModel(capacity)
  const counts = workerCounts(capacity.cores)
  const result = await runTune(model, { counts, rounds, slo: slo === null ? null : parseSlo(slo) })
  return { ...result, measured: model.measured, workers: result.choice.workers }
}

describe('tune', () => {
  it('picks more workers for a filter that computes than for a route that passes through', async () => {
    const passThrough = await tune(PASS_THROUGH)
    const cpuBound = await tune(CPU_BOUND)
    expect(passThrough.workers).toBe(2)
    expect(cpuBound.workers).toBe(8)
    expect(passThrough.limit).toBe('acceptor-bound')
  })

  it('picks 1 when the acceptor is the limit, and says so', async () => {
    const { workers, limit, choice } = await tune({ cores: 8, acceptorUs: 20, workerUs: 15 })
    expect(workers).toBe(1)
    expect(limit).toBe('acceptor-bound')
    expect(choice).toMatchObject({ rule: 'fewest-near-best', confidence: 'high', doubts: [] })
    expect(choice.nearBest).toEqual([1, 2, 3, 4, 6, 8, 12])
  })

  it('picks 1 when everything waits for the upstream', async () => {
    const { workers, limit } = await tune({ ...PASS_THROUGH, upstreamMs: 50 })
    expect([workers, limit]).toEqual([1, 'upstream-bound'])
  })

  it('does not take more workers than there are cores for them', async () => {
    const { workers, limit, points } = await tune({ ...CPU_BOUND, cores: 2 })
    expect(workers).toBe(2)
    expect(points.map((point) => point.workers)).toEqual([1, 2, 3])
    expect(limit).toBe('cpu-starved')
  })

  it('stops before the knee where workers get in the way of each other', async () => {
    const { workers, law } = await tune({ ...CPU_BOUND, cores: 16, contention: 0.05, coherency: 0.02 })
    expect(law?.knee).toBeCloseTo(Math.sqrt(0.95 / 0.02), 1)
    expect(workers).toBe(6)
  })

  it('keeps to the promise: the fastest that does, if none near the best does', async () => {
    // Friction makes every further worker slower: 4 are the most for which it holds.
    const capacity: Capacity = { cores: 64, acceptorUs: 1, workerUs: 1000, contention: 0.2 }
    const within = await tune(capacity, 'p99<25ms')
    const free = await tune(capacity)
    expect(within.choice).toMatchObject({ workers: 4, rule: 'fastest-within-slo', meetsSlo: true })
    expect(free.workers).toBeGreaterThan(4)
  })

  it('says when no number of workers keeps the promise, and takes the closest of the fastest', async () => {
    const { choice } = await tune({ ...CPU_BOUND, upstreamMs: 30, connections: 1000 }, 'p99<5ms')
    expect(choice).toMatchObject({ workers: 8, rule: 'closest-to-slo', meetsSlo: false })
  })

  it('searches a wide range instead of measuring all of it, and finds the same', async () => {
    const capacity: Capacity = { cores: 64, acceptorUs: 12, workerUs: 200 }
    expect(workerCounts(64)).toEqual([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96])
    const { workers, measured } = await tune(capacity, null, 1)
    // 1e6 / 12 requests a second are those of 16.7 workers.
    expect(workers).toBe(24)
    expect(measured.length).toBeLessThan(13)
    expect(new Set(measured).size).toBe(measured.length)
  })

  it('measures in interleaved rounds, so that drift hits all counts alike', async () => {
    const { measured } = await tune({ ...CPU_BOUND, cores: 2 })
    expect(measured).toEqual([1, 2, 3, 3, 2, 1, 1, 2, 3])
  })

  it('one bad round does not change the choice, but the confidence', async () => {
    const calm = await tune(CPU_BOUND)
    const noisy = await tune({ ...CPU_BOUND, noise: (number) => (number === 5 ? -0.5 : 0) })
    expect(noisy.workers).toBe(calm.workers)
    expect([calm.choice.confidence, noisy.choice.confidence]).toEqual(['high', 'low'])
    expect(noisy.choice.doubts.join()).toContain('the rounds differ')
  })

  it('tells how far it is before every measurement', async () => {
    const seen: Progress[] = []
    const model = new CapacityModel({ ...CPU_BOUND, cores: 2 })
    await runTune(model, { counts: [1, 2], rounds: 2, slo: null, onProgress: (now) => seen.push(now) })
    expect(seen.map(({ done, total, workers, round }) => [done, total, workers, round])).toEqual([
      [0, 4, 1, 1],
      [1, 4, 2, 1],
      [2, 4, 2, 2],
      [3, 4, 1, 2],
    ])
  })

  it('refuses to choose when nothing was answered', async () => {
    const model = new CapacityModel({ ...PASS_THROUGH, noise: () => -1 })
    await expect(runTune(model, { counts: [1, 2], rounds: 1, slo: null })).rejects.toThrow(
      'no request was answered',
    )
  })
})
