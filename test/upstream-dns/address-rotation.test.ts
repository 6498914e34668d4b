import { describe, expect, it } from 'vitest'
import { AddressRotation } from '#src/upstream/dns/address-rotation.js'

const list = (...names: string[]) => names.map((address) => ({ address, family: 4 as const }))
const ABC = list('a', 'b', 'c')

describe('the addresses of a name', () => {
  const orders = (rotation: AddressRotation, nowMs: number, count: number, addresses = ABC) =>
    Array.from({ length: count }, () =>
      rotation
        .order(addresses, nowMs)
        .map(({ address }) => address)
        .join(''),
    )

  it('take turns, each connection with the others behind the first', () => {
    expect(orders(new AddressRotation(), 0, 4)).toEqual(['abc', 'bca', 'cab', 'abc'])
  })

  it('one that failed is left out for 10 s, longer with every failure in a row, at most 5 min', () => {
    const rotation = new AddressRotation()
    let nowMs = 0
    const skips: number[] = []
    for (let i = 0; i < 7; i += 1) {
      rotation.onFailed('b', nowMs)
      const isOut = (atMs: number) => !(orders(rotation, atMs, 1)[0] ?? '').includes('b')
      const skip = [10_000, 20_000, 40_000, 80_000, 160_000, 300_000].find((ms) => !isOut(nowMs + ms)) ?? -1
      expect(isOut(nowMs + skip - 1)).toBe(true)
      skips.push(skip)
      nowMs += skip
    }
    expect(skips).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000])
    rotation.onConnected('b')
    rotation.onFailed('b', nowMs)
    expect(orders(rotation, nowMs + 10_000, 1)[0]).toContain('b')
  })

  it('several connections that fail at a time are one failure', () => {
    const rotation = new AddressRotation()
    for (let i = 0; i < 5; i += 1) rotation.onFailed('b', 0)
    expect(orders(rotation, 10_000, 1)[0]).toContain('b')
  })

  it('all are tried when all have failed', () => {
    const rotation = new AddressRotation()
    for (const address of ['a', 'b', 'c']) rotation.onFailed(address, 0)
    expect(orders(rotation, 1, 1)[0]).toHaveLength(3)
  })

  it('one that left the name and came back starts afresh', () => {
    const rotation = new AddressRotation()
    rotation.onFailed('b', 0)
    rotation.retain(list('a', 'c'))
    expect(orders(rotation, 1, 1)[0]).toContain('b')
  })

  it('each has its share when the number of addresses changes', () => {
    const rotation = new AddressRotation()
    orders(rotation, 0, 2)
    expect(orders(rotation, 0, 1, list('x'))).toEqual(['x'])
    expect(new Set(orders(rotation, 0, 3).map((order) => order[0]))).toEqual(new Set(['a', 'b', 'c']))
  })
})
