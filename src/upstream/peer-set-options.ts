import type { BalanceConfig, EjectionConfig } from '../config/types-upstream.js'
import type { Peer } from '../session/session.js'
import type { SessionLimit } from './guard/index.js'
import type { HealthReason, PeerTable, UpstreamPeer } from './peers/index.js'

/** A change of a peer's standing that this worker has made. */
export interface HealthChange {
  readonly peer: UpstreamPeer
  readonly from: Peer['healthStatus']
  readonly to: Peer['healthStatus']
  readonly reason: HealthReason
}

export interface PeerSetOptions {
  /** The table of all threads, and which of its upstreams and columns are meant. Default: a table of its own. */
  readonly shared?: { readonly table: PeerTable; readonly upstream: number; readonly worker: number }
  /** Of the upstream as a whole. Default: none. */
  readonly limit?: SessionLimit
  readonly balance?: BalanceConfig
  readonly ejection?: EjectionConfig
  /** See `UpstreamConfig.panicThreshold`. */
  readonly panicThreshold?: number
  /** Active checks say who is healthy. Default false. */
  readonly isChecked?: boolean
  readonly onHealthChange?: (change: HealthChange) => void
  /** Milliseconds, as `now()`. */
  readonly clock?: () => number
}
