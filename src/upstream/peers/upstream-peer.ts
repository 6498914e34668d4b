import { isIP } from 'node:net'
import { peerName } from '../../session/peer-name.js'
import type { HealthTag, Peer } from '../../session/session.js'
import { now } from '../../time/index.js'
import type { BalancedPeer } from '../balance/index.js'
import type { ConnectTarget } from '../http1/types.js'
import type { PeerRow } from './peer-row.js'
import type { PeerEntry } from './peer-snapshot.js'

/** Where a peer of the table is: the configured target, at one of the addresses that its name stands for. */
export function targetOf(
  configured: readonly ConnectTarget[],
  { template, host }: Pick<PeerEntry, 'template' | 'host'>,
): ConnectTarget | null {
  const target = configured[template]
  if (target === undefined || target.host === host) return target ?? null
  // Other ids share no connections.
  return { ...target, host, name: target.host, id: `${target.id}@${host}` }
}

/** A peer's name in logs and metrics, see {@link peerName}. */
export function targetName({ socketPath, host, port, name }: ConnectTarget): string {
  return peerName({ address: socketPath ?? host, port: socketPath === undefined ? port : 0, name })
}

/** Has it a name that must be resolved? */
export function isNamed({ socketPath, host }: Pick<ConnectTarget, 'socketPath' | 'host'>): boolean {
  return socketPath === undefined && isIP(host) === 0
}

/** A peer as one worker sees it: what it takes to connect to it, and its row of the shared table. */
export class UpstreamPeer implements Peer, BalancedPeer {
  /** The path of a Unix socket instead of an address. */
  readonly address: string
  readonly port: number
  readonly name: string | undefined
  readonly target: ConnectTarget
  readonly row: PeerRow

  constructor(target: ConnectTarget, row: PeerRow) {
    this.address = target.socketPath ?? target.host
    this.port = target.socketPath === undefined ? target.port : 0
    this.name = target.name
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
