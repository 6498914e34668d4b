import type { BalancedPeer, Balancer } from './balancer.js'

/** Each peer in turn, whatever its weight. @param start where this worker begins, so that workers do not march in step */
export function roundRobin(peers: readonly BalancedPeer[], start = 0): Balancer {
  let next = start
  return {
    pick(usable) {
      for (let i = 0; i < peers.length; i += 1) {
        const index = (next + i) % peers.length
        if (!usable(index)) continue
        next = index + 1
        return index
      }
      return -1
    },
  }
}

/**
 * Smooth weighted round robin, as nginx does it: in every round each usable peer gains its weight, the richest is chosen and pays
 * the sum. Weights 5, 1, 1 give a a b a c a a, not a a a a a b c.
 */
export function smoothWeighted(peers: readonly BalancedPeer[]): Balancer {
  const credit = peers.map(() => 0)
  return {
    pick(usable) {
      let best = -1
      let sum = 0
      for (let index = 0; index < peers.length; index += 1) {
        if (!usable(index)) continue
        const weight = peers[index]?.weight ?? 0
        sum += weight
        const gained = (credit[index] ?? 0) + weight
        credit[index] = gained
        if (best < 0 || gained > (credit[best] ?? 0)) best = index
      }
      if (best >= 0) credit[best] = (credit[best] ?? 0) - sum
      return best
    },
  }
}
