import { crc32 } from 'node:zlib'
import type { BalancedPeer, Balancer } from './balancer.js'

/** Points on the ring for each unit of weight, as nginx and Pingora place them. */
const POINTS_PER_WEIGHT = 160

export interface KetamaOptions {
  /**
   * No peer gets more than this factor of the average load (consistent hashing with bounded loads); what is above it goes to the next on
   * the ring. 0: no bound. Default 0.
   */
  readonly loadBound?: number
}

/** Consistent hashing on a ring: a key stays with its peer, and a peer that comes or goes moves only its own share of the keys. */
export function ketama(peers: readonly BalancedPeer[], options: KetamaOptions = {}): Balancer {
  const { loadBound = 0 } = options
  const { points, owners } = buildRing(peers)
  // The pick that has looked at a peer last: its points come many times on the ring.
  const seen = new Uint32Array(peers.length)
  let round = 0
  return {
    pick(usable, key) {
      if (points.length === 0) return -1
      const limit = loadBound > 0 ? boundOf(peers, usable, loadBound) : null
      const start = firstAtOrAfter(points, crc32(key))
      round = (round + 1) >>> 0
      let fallback = -1
      let looked = 0
      for (let i = 0; i < points.length && looked < peers.length; i += 1) {
        const owner = owners[(start + i) % points.length] ?? 0
        const peer = peers[owner]
        if (peer === undefined || seen[owner] === round) continue
        seen[owner] = round
        looked += 1
        if (!usable(owner)) continue
        if (limit === null || peer.inFlight + 1 <= limit(peer)) return owner
        if (fallback < 0) fallback = owner
      }
      return fallback
    },
  }
}

function buildRing(peers: readonly BalancedPeer[]): { points: Uint32Array; owners: Uint16Array } {
  const all: { point: number; owner: number }[] = []
  const previous = Buffer.alloc(4)
  for (const [owner, peer] of peers.entries()) {
    const base = crc32(peer.id.replace(/:(?=[^:]*$)/, '\0'))
    previous.fill(0)
    for (let i = 0; i < peer.weight * POINTS_PER_WEIGHT; i += 1) {
      const point = crc32(previous, base)
      all.push({ point, owner })
      previous.writeUInt32LE(point)
    }
  }
  all.sort((a, b) => a.point - b.point || a.owner - b.owner)
  return {
    points: Uint32Array.from(all, ({ point }) => point),
    owners: Uint16Array.from(all, ({ owner }) => owner),
  }
}

function firstAtOrAfter(points: Uint32Array, hash: number): number {
  let low = 0
  let high = points.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((points[middle] ?? 0) < hash) low = middle + 1
    else high = middle
  }
  return low === points.length ? 0 : low
}

/** Sessions that a peer may have, in proportion to its weight. */
function boundOf(
  peers: readonly BalancedPeer[],
  usable: (index: number) => boolean,
  factor: number,
): (peer: BalancedPeer) => number {
  let load = 1
  let weight = 0
  for (const [index, peer] of peers.entries()) {
    if (!usable(index)) continue
    load += peer.inFlight
    weight += peer.weight
  }
  return (peer) => Math.ceil((factor * load * peer.weight) / weight)
}
