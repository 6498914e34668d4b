import { describe, expect, it } from 'vitest'
import { giveSlab, SLAB_BYTES, takeSlab } from '#src/memory/index.js'

describe('slabs', () => {
  it('are used again once they were given back, and never by two at a time', () => {
    const first = takeSlab()
    const second = takeSlab()
    expect(second).not.toBe(first)
    expect([first.length, second.length]).toEqual([SLAB_BYTES, SLAB_BYTES])
    giveSlab(first)
    expect(takeSlab()).toBe(first)
    expect(takeSlab()).not.toBe(first)
  })

  it('are kept up to 64: what is more is left to the collector', () => {
    const taken = Array.from({ length: 200 }, takeSlab)
    for (const slab of taken) giveSlab(slab)
    const again = new Set(Array.from({ length: 200 }, takeSlab))
    expect(taken.filter((slab) => again.has(slab))).toHaveLength(64)
  })
})
