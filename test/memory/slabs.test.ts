import { describe, expect, it } from 'vitest'
import { giveSlab, SLAB_BYTES, takeSlab } from '#src/memory/index.js'

const SIZES = [
  ['large', SLAB_BYTES, 64],
  ['small', 16 * 1024, 128],
] as const

function take(bytes: number): Buffer {
  const slab = takeSlab(bytes)
  if (slab === null) throw new Error('no slab')
  return slab
}

describe.each(SIZES)('%s slabs', (_name, bytes, kept) => {
  it('are used again once they were given back, and never by two at a time', () => {
    const first = take(bytes)
    const second = take(bytes)
    expect(second).not.toBe(first)
    expect(Math.min(first.length, second.length)).toBeGreaterThanOrEqual(bytes)
    giveSlab(first)
    expect(take(bytes)).toBe(first)
    expect(take(bytes)).not.toBe(first)
  })

  it('are kept up to a number: what is more is left to the collector', () => {
    const taken = Array.from({ length: 300 }, () => take(bytes))
    for (const slab of taken) giveSlab(slab)
    const again = new Set(Array.from({ length: 300 }, () => take(bytes)))
    expect(taken.filter((slab) => again.has(slab))).toHaveLength(kept)
  })
})

it('there is no slab for what is too small to be worth one, or too large', () => {
  expect([takeSlab(100), takeSlab(SLAB_BYTES + 1)]).toEqual([null, null])
})
