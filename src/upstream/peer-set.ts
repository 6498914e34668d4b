import type { HealthTag, Peer } from '../session/session.js'
import type { ConnectTarget } from './http1/types.js'

/** A peer together with what it takes to connect to it. */
export interface UpstreamPeer extends Peer {
  readonly target: ConnectTarget
}

/** The peers of one upstream as one worker sees them, in rotation. */
export class PeerSet {
  readonly peers: readonly UpstreamPeer[]
  #next = 0

  constructor(targets: readonly ConnectTarget[]) {
    this.peers = targets.map((target) => createPeer(target))
  }

  /** The next peer in rotation that is not in `tried`, or null when none is left. */
  select(tried: ReadonlySet<Peer> | null): UpstreamPeer | null {
    const count = this.peers.length
    for (let i = 0; i < count; i += 1) {
      const peer = this.peers[this.#next]
      this.#next = (this.#next + 1) % count
      if (peer !== undefined && (tried === null || !tried.has(peer))) return peer
    }
    return null
  }

  /** The peer of this set that a filter meant: the same object, or one of equal address and port. */
  find(peer: Peer): UpstreamPeer | null {
    return (
      this.peers.find((own) => own === peer || (own.address === peer.address && own.port === peer.port)) ??
      null
    )
  }
}

function createPeer(target: ConnectTarget): UpstreamPeer {
  const healthStatus: HealthTag = 'unknown'
  return {
    address: target.socketPath ?? target.host,
    port: target.socketPath === undefined ? target.port : 0,
    healthStatus,
    target,
  }
}
