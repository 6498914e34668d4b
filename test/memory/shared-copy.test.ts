import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { copyIntoShared, copyOfShared, copyOutOfShared } from '#src/memory/index.js'

const shared = Buffer.from(new SharedArrayBuffer(200_000))
const own = Buffer.allocUnsafeSlow(200_000)
const place = fc.record({
  from: fc.nat(20),
  to: fc.nat(20),
  length: fc.oneof(fc.nat(300), fc.integer({ min: 65_500, max: 65_600 }), fc.nat(100_000)),
  seed: fc.nat(255),
})

/** Bytes of which no run of 251 has its like elsewhere in step. */
function fill(memory: Buffer, seed: number): void {
  for (let i = 0; i < memory.length; i += 1) memory[i] = (i * 7 + seed + (i >> 8)) & 255
}

describe('what is copied between shared and other memory', () => {
  it('arrives byte by byte as it was, from any place to any place, and nothing beside it changes', () => {
    fc.assert(
      fc.property(place, ({ from, to, length, seed }) => {
        fill(own, seed)
        fill(shared, seed + 1)
        const wanted = Buffer.from(shared)
        own.copy(wanted, to, from, from + length)
        copyIntoShared(shared, to, own.subarray(from, from + length))
        expect(shared.equals(wanted)).toBe(true)

        const back = Buffer.from(own)
        wanted.copy(back, from, to, to + length)
        copyOutOfShared(own, from, shared.subarray(to, to + length))
        expect(own.equals(back)).toBe(true)
        expect(
          Buffer.from(copyOfShared(shared.subarray(to, to + length))).equals(
            wanted.subarray(to, to + length),
          ),
        ).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  it('can be shared on both sides', () => {
    fill(shared, 3)
    const other = Buffer.from(new SharedArrayBuffer(70_000))
    copyIntoShared(other, 5, shared.subarray(3, 60_003))
    expect(other.subarray(5, 60_005).equals(shared.subarray(3, 60_003))).toBe(true)
  })

  it('is a copy: it does not change with what it was made of', () => {
    fill(shared, 9)
    const copy = copyOfShared(shared.subarray(1, 1001))
    const before = Buffer.from(copy)
    shared.fill(0)
    copyOfShared(shared.subarray(1, 1001))
    expect(before.equals(copy)).toBe(true)
    expect(copy.buffer).toBeInstanceOf(ArrayBuffer)
  })
})
