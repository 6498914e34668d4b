/** What a balancer knows of one peer. The numbers may change under it at any time: they are all workers' common state. */
export interface BalancedPeer {
  /** Name that a hash ring places it by: address and port. */
  readonly id: string
  /** Whole number, at least 1. */
  readonly weight: number
  /** Sessions that use it now, over all workers. */
  readonly inFlight: number
  /** Moving average of its response times, ms; 0 before the first. */
  readonly latencyMs: number
}

/** Chooses among the peers of one upstream. Belongs to one worker. */
export interface Balancer {
  /**
   * @param usable whether the peer at an index may be chosen now (not tried before, not ejected)
   * @param key what hashing algorithms hash; others ignore it
   * @returns an index, or -1 when no peer is usable
   */
  pick(usable: (index: number) => boolean, key: string): number
}

/** Random number in [0, 1); replaceable so that tests are repeatable. */
export type Random = () => number

/** Load per weight if one session more came: what "least" means. */
export function loadWithOneMore(peer: BalancedPeer): number {
  return (peer.inFlight + 1) / peer.weight
}
