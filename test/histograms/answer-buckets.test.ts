import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ANSWER_BLOCK_CELLS, AnswerSums, addAnswer, BUCKET_BOUNDS_S } from '#src/histograms/index.js'

function sumsOf(values: readonly (readonly [method: string, status: number, ms: number])[]) {
  const cells = new Float64Array(ANSWER_BLOCK_CELLS)
  for (const [method, status, ms] of values) addAnswer(cells, 0, method, status, ms)
  const sums = new AnswerSums()
  sums.addBlock(cells, 0)
  return sums
}

describe('durations by method and status', () => {
  it('stand in the bucket whose bound is the first that is not below them', () => {
    const bounds = BUCKET_BOUNDS_S.map((boundS) => boundS * 1000)
    const near = fc.constantFrom(...bounds).chain((ms) => fc.constantFrom(ms, ms - 0.0005, ms + 0.0005))
    fc.assert(
      fc.property(fc.oneof(near, fc.double({ min: 0, max: 1e7, noNaN: true })), (ms) => {
        const [buckets] = sumsOf([['GET', 200, ms]]).all()
        const wanted = BUCKET_BOUNDS_S.findIndex((boundS) => ms * 1000 <= boundS * 1e6)
        expect(buckets?.counts.indexOf(1)).toBe(wanted < 0 ? BUCKET_BOUNDS_S.length : wanted)
        expect(buckets?.sumS).toBeCloseTo(ms / 1000, 9)
      }),
    )
  })

  it('have labels from closed sets, and add up over blocks', () => {
    const sums = sumsOf([
      ['GET', 200, 1],
      ['GET', 200, 3],
      ['BREW', 418, -1],
      ['GET', 299, 1],
      ['GET', 0, 1],
      ['GET', 1e9, 1],
    ])
    sums.addAll(sumsOf([['GET', 200, 1]]))
    const found = sums.all().map(({ method, status, count }) => [method, status, count])
    expect(found).toEqual([
      ['GET', 200, 3],
      ['GET', null, 3],
      ['_OTHER', 418, 1],
    ])
  })
})
