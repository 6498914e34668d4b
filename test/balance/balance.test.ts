import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BALANCE_ALGORITHMS, type BalancedPeer, createBalancer } from '#src/upstream/balance/index.js'

/** A repeatable source of random numbers (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

function peersOf(weights: readonly number[]): { -readonly [K in keyof BalancedPeer]: BalancedPeer[K] }[] {
  return weights.map((weight, i) => ({ id: `10.0.0.${i + 1}:80`, weight, inFlight: 0, latencyMs: 0 }))
}

const all = (): boolean => true

function shares(picks: readonly number[], count: number): number[] {
  return Array.from(
    { length: count },
    (_, index) => picks.filter((pick) => pick === index).length / picks.length,
  )
}

describe.each(BALANCE_ALGORITHMS)('%s', (algorithm) => {
  it('only chooses usable peers, and says -1 when there is none', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.boolean(), fc.nat(20)), {
          minLength: 1,
          maxLength: 8,
        }),
        fc.string(),
        (given, key) => {
          const peers = peersOf(given.map(([weight]) => weight))
          for (const [i, peer] of peers.entries()) peer.inFlight = given[i]?.[2] ?? 0
          const balancer = createBalancer(algorithm, peers, { random: seeded(1) })
          const usable = (index: number): boolean => given[index]?.[1] ?? false
          for (let i = 0; i < 10; i += 1) {
            const index = balancer.pick(usable, key)
            if (given.some(([, isUsable]) => isUsable)) expect(usable(index)).toBe(true)
            else expect(index).toBe(-1)
          }
        },
      ),
    )
  })

  it('leaving out what was tried offers every peer exactly once', () => {
    const peers = peersOf([1, 2, 3, 1])
    const balancer = createBalancer(algorithm, peers, { random: seeded(2) })
    const tried = new Set<number>()
    for (let i = 0; i < 4; i += 1) tried.add(balancer.pick((index) => !tried.has(index), 'key'))
    expect([...tried].sort()).toEqual([0, 1, 2, 3])
    expect(balancer.pick((index) => !tried.has(index), 'key')).toBe(-1)
  })
})

describe('distribution', () => {
  it('round robin is even, also when one peer is out', () => {
    const balancer = createBalancer('round-robin', peersOf([1, 9, 1]))
    const picks = Array.from({ length: 300 }, () => balancer.pick(all, ''))
    expect(shares(picks, 3)).toEqual([1 / 3, 1 / 3, 1 / 3])
    const without = Array.from({ length: 300 }, () => balancer.pick((index) => index !== 1, ''))
    expect(shares(without, 3)).toEqual([0.5, 0, 0.5])
  })

  it('smooth weighting is exact in every round and spreads the heavy peer', () => {
    const balancer = createBalancer('weighted-round-robin', peersOf([5, 1, 1]))
    expect(Array.from({ length: 7 }, () => balancer.pick(all, ''))).toEqual([0, 0, 1, 0, 2, 0, 0])
  })

  it('random follows the weights', () => {
    const balancer = createBalancer('random', peersOf([1, 2, 7]), { random: seeded(3) })
    const picks = Array.from({ length: 20_000 }, () => balancer.pick(all, ''))
    for (const [index, share] of shares(picks, 3).entries())
      expect(share).toBeCloseTo([0.1, 0.2, 0.7][index] ?? 0, 1)
  })

  it('least connections evens out loads, in proportion to the weights', () => {
    const peers = peersOf([1, 1, 2])
    const balancer = createBalancer('least-connections', peers)
    for (let i = 0; i < 400; i += 1) {
      const peer = peers[balancer.pick(all, '')]
      if (peer !== undefined) peer.inFlight += 1
    }
    expect(peers.map((peer) => peer.inFlight)).toEqual([100, 100, 200])
  })

  it('power of two avoids a loaded peer, and never picks the most loaded of three', () => {
    const peers = peersOf([1, 1, 1])
    const loaded = peers[1]
    if (loaded !== undefined) loaded.inFlight = 100
    const balancer = createBalancer('power-of-two', peers, { random: seeded(4) })
    const picks = Array.from({ length: 2000 }, () => balancer.pick(all, ''))
    expect(shares(picks, 3)[1]).toBe(0)
  })

  it('ewma avoids a slow peer and gives an unknown one its chance', () => {
    const peers = peersOf([1, 1, 1])
    for (const [i, latencyMs] of [5, 80, 0].entries()) Object.assign(peers[i] ?? {}, { latencyMs })
    const balancer = createBalancer('ewma', peers, { random: seeded(5) })
    const [fast, slow, unknown] = shares(
      Array.from({ length: 3000 }, () => balancer.pick(all, '')),
      3,
    )
    expect(slow).toBe(0)
    expect(unknown).toBeGreaterThan(fast ?? 1)
  })
})

describe('ketama', () => {
  const keys = Array.from({ length: 20_000 }, (_, i) => `/object/${i}`)

  it('shares keys in proportion to the weights', () => {
    const balancer = createBalancer('consistent-hash', peersOf([1, 1, 2]))
    const [a = 0, b = 0, c = 0] = shares(
      keys.map((key) => balancer.pick(all, key)),
      3,
    )
    for (const [share, expected] of [
      [a, 0.25],
      [b, 0.25],
      [c, 0.5],
    ] as const) {
      expect(Math.abs(share - expected)).toBeLessThan(0.05)
    }
  })

  it('moves no key except those of the peer that left, and at most its share to one that comes', () => {
    const five = peersOf([1, 1, 1, 1, 1])
    const balancer = createBalancer('consistent-hash', five)
    const before = keys.map((key) => balancer.pick(all, key))
    const after = keys.map((key) => balancer.pick((index) => index !== 2, key))
    for (const [i, owner] of before.entries()) if (owner !== 2) expect(after[i]).toBe(owner)
    const six = createBalancer('consistent-hash', peersOf([1, 1, 1, 1, 1, 1]))
    const moved = keys.filter((key, i) => six.pick(all, key) !== before[i])
    expect(moved.every((key) => six.pick(all, key) === 5)).toBe(true)
    expect(moved.length / keys.length).toBeLessThan(1 / 6 + 0.04)
  })

  it('does not depend on the order of the peers', () => {
    const peers = peersOf([1, 2, 3])
    const one = createBalancer('consistent-hash', peers)
    const other = createBalancer('consistent-hash', peers.toReversed())
    for (const key of keys.slice(0, 500)) expect(2 - other.pick(all, key)).toBe(one.pick(all, key))
  })

  it('with a load bound no peer gets more than its factor of the average, even for one hot key', () => {
    const peers = peersOf([1, 1, 1, 1])
    const balancer = createBalancer('consistent-hash', peers, { loadBound: 1.25 })
    for (let i = 0; i < 1000; i += 1) {
      const peer = peers[balancer.pick(all, 'hot')]
      if (peer !== undefined) peer.inFlight += 1
    }
    for (const peer of peers) expect(peer.inFlight).toBeLessThanOrEqual(Math.ceil((1.25 * 1000) / 4))
    expect(peers.reduce((sum, peer) => sum + peer.inFlight, 0)).toBe(1000)
  })
})
