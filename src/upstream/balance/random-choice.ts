import { type BalancedPeer, type Balancer, loadWithOneMore, type Random } from './balancer.js'

/** By chance, in proportion to the weights. */
export function randomChoice(peers: readonly BalancedPeer[], random: Random = Math.random): Balancer {
  return { pick: (usable) => weighted(peers, usable, random, -1) }
}

/** Two by chance, the less loaded of them: nearly as even as least connections, without the herd that follows one number. */
export function powerOfTwo(peers: readonly BalancedPeer[], random: Random = Math.random): Balancer {
  return { pick: (usable) => betterOfTwo(peers, usable, random, loadWithOneMore) }
}

/** Two by chance, the one whose expected time is shorter: average latency × (sessions under way + 1). */
export function ewma(peers: readonly BalancedPeer[], random: Random = Math.random): Balancer {
  // A peer without history counts as fast, so that it gets some.
  const cost = (peer: BalancedPeer): number => loadWithOneMore(peer) * Math.max(peer.latencyMs, 0.001)
  return { pick: (usable) => betterOfTwo(peers, usable, random, cost) }
}

/** The least loaded per weight; among equals they take turns. */
export function leastConnections(peers: readonly BalancedPeer[], start = 0): Balancer {
  let turn = start
  return {
    pick(usable) {
      turn = (turn + 1) % peers.length
      let best = -1
      let bestLoad = Number.POSITIVE_INFINITY
      for (let i = 0; i < peers.length; i += 1) {
        const index = (turn + i) % peers.length
        const peer = peers[index]
        if (peer === undefined || !usable(index)) continue
        const load = loadWithOneMore(peer)
        if (load >= bestLoad) continue
        best = index
        bestLoad = load
      }
      return best
    },
  }
}

function betterOfTwo(
  peers: readonly BalancedPeer[],
  usable: (index: number) => boolean,
  random: Random,
  cost: (peer: BalancedPeer) => number,
): number {
  const first = weighted(peers, usable, random, -1)
  if (first < 0) return -1
  const second = weighted(peers, usable, random, first)
  const one = peers[first]
  const other = peers[second]
  if (one === undefined || other === undefined) return first
  return cost(other) < cost(one) ? second : first
}

function weighted(
  peers: readonly BalancedPeer[],
  usable: (index: number) => boolean,
  random: Random,
  except: number,
): number {
  let sum = 0
  for (let index = 0; index < peers.length; index += 1)
    if (index !== except && usable(index)) sum += peers[index]?.weight ?? 0
  let left = random() * sum
  let last = -1
  for (let index = 0; index < peers.length; index += 1) {
    if (index === except || !usable(index)) continue
    last = index
    left -= peers[index]?.weight ?? 0
    if (left < 0) return index
  }
  return last
}
