import type { BalancedPeer, Balancer, Random } from './balancer.js'
import { ketama } from './ketama.js'
import { ewma, leastConnections, powerOfTwo, randomChoice } from './random-choice.js'
import { roundRobin, smoothWeighted } from './round-robin.js'

export { type BalanceKey, balanceKey } from './balance-key.js'
export type { BalancedPeer, Balancer } from './balancer.js'

export const BALANCE_ALGORITHMS = [
  'round-robin',
  'weighted-round-robin',
  'random',
  'power-of-two',
  'least-connections',
  'ewma',
  'consistent-hash',
  'ip-hash',
] as const

export type BalanceAlgorithm = (typeof BALANCE_ALGORITHMS)[number]

export interface BalanceOptions {
  /** For `consistent-hash` and `ip-hash`; see {@link ketama}. */
  readonly loadBound?: number
  /** Where round robin begins. */
  readonly start?: number
  readonly random?: Random
}

/** Makes a balancer over peers whose numbers it reads at every pick. */
export function createBalancer(
  algorithm: BalanceAlgorithm,
  peers: readonly BalancedPeer[],
  options: BalanceOptions = {},
): Balancer {
  const { loadBound = 0, start = 0, random } = options
  switch (algorithm) {
    case 'round-robin':
      return roundRobin(peers, start)
    case 'weighted-round-robin':
      return smoothWeighted(peers)
    case 'random':
      return randomChoice(peers, random)
    case 'power-of-two':
      return powerOfTwo(peers, random)
    case 'least-connections':
      return leastConnections(peers, start)
    case 'ewma':
      return ewma(peers, random)
    case 'consistent-hash':
    case 'ip-hash':
      return ketama(peers, { loadBound })
  }
}
