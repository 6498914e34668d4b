import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expectedPerSecond, fitScalingLaw } from '#src/tune/scaling-law.js'

const COUNTS = [1, 2, 3, 4, 6, 8, 12, 16]

function samples(perWorkerPerSecond: number, contention: number, coherency: number, counts = COUNTS) {
  const law = { perWorkerPerSecond, contention, coherency, knee: 0, error: 0 }
  return counts.map((workers) => ({ workers, perSecond: expectedPerSecond(law, workers) }))
}

describe('the Universal Scalability Law', () => {
  it('finds the parameters of exact samples again', () => {
    const parameters = fc.tuple(
      fc.double({ min: 10, max: 1e6, noNaN: true }),
      fc.double({ min: 0.01, max: 0.9, noNaN: true }),
      fc.double({ min: 0.001, max: 0.2, noNaN: true }),
    )
    fc.assert(
      fc.property(parameters, ([perWorker, contention, coherency]) => {
        const law = fitScalingLaw(samples(perWorker, contention, coherency))
        expect(law?.perWorkerPerSecond).toBeCloseTo(perWorker, -Math.log10(perWorker * 1e-4))
        expect(law?.contention).toBeCloseTo(contention, 4)
        expect(law?.coherency).toBeCloseTo(coherency, 4)
        expect(law?.error).toBeLessThan(1e-6)
      }),
    )
  })

  it('is a straight line without friction, and has no knee then', () => {
    const law = fitScalingLaw(samples(1000, 0, 0))
    expect(law).toMatchObject({ contention: 0, coherency: 0, knee: Number.POSITIVE_INFINITY })
  })

  it('has its knee where throughput is highest', () => {
    const law = fitScalingLaw(samples(1000, 0.1, 0.01))
    expect(law?.knee).toBeCloseTo(Math.sqrt(0.9 / 0.01), 4)
    if (law === null) return
    const peak = expectedPerSecond(law, law.knee)
    expect(peak).toBeGreaterThan(expectedPerSecond(law, law.knee - 1))
    expect(peak).toBeGreaterThan(expectedPerSecond(law, law.knee + 1))
  })

  it('never has a negative coefficient: better than linear is taken for linear', () => {
    const law = fitScalingLaw([
      { workers: 1, perSecond: 100 },
      { workers: 2, perSecond: 260 },
      { workers: 4, perSecond: 600 },
    ])
    expect(law).toMatchObject({ contention: 0, coherency: 0 })
    expect(law?.error).toBeGreaterThan(0.05)
  })

  it('takes no more parameters than there are samples', () => {
    expect(fitScalingLaw([])).toBeNull()
    expect(fitScalingLaw([{ workers: 2, perSecond: 0 }])).toBeNull()
    expect(fitScalingLaw([{ workers: 2, perSecond: 500 }])?.perWorkerPerSecond).toBeCloseTo(250)
    const two = fitScalingLaw(samples(100, 0.5, 0, [1, 2]))
    expect(two).toMatchObject({ contention: expect.closeTo(0.5, 6), coherency: 0 })
  })
})
