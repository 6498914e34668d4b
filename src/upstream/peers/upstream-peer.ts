import type { HealthTag, Peer } from '../../session/session.js'
import { now } from '../../time/index.js'
import type { BalancedPeer } from '../balance/index.js'
import type { ConnectTarget } from '../http1/types.js'
import type { PeerRow } from './peer-row.js'

/** A peer as one worker sees it: what it takes to connect to it, and its row of the shared table. */
export class UpstreamPeer implements Peer, BalancedPeer {
  /** The path of a Unix socket instead of an address. */
  readonly address: string
  readonly port: number
  readonly target: ConnectTarget
  readonly row: PeerRow

  constructor(target: ConnectTarget, row: PeerRow) {
    this.address = target.socketPath ?? target.host
    this.port = target.socketPath === undefined ? target.port : 0
    this.target = target
    this.row = row
  }

  get id(): string {
    return this.target.id
  }

  get healthStatus(): HealthTag {
    return this.row.healthStatus
  }

  get weight(): number {
    return this.row.weight
  }

  get inFlight(): number {
    return this.row.inFlight
  }

  get latencyMs(): number {
    return this.row.latencyMs(now())
  }

  get hasRoom(): boolean {
    const { maxConnections } = this.row
    return maxConnections === 0 || this.row.inFlight < maxConnections
  }
}
