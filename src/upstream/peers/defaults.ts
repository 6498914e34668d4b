import type { GatewayConfig } from '../../config/types.js'
import type {
  BalanceConfig,
  EjectionConfig,
  PeerConfig,
  UpstreamConfig,
} from '../../config/types-upstream.js'
import type { TablePlan } from './layout.js'
import { PeerTable, type PublishedPeer } from './peer-table.js'
import { isNamed } from './upstream-peer.js'

export const DEFAULT_BALANCE: BalanceConfig = {
  algorithm: 'round-robin',
  key: { kind: 'path' },
  loadBound: 0,
}

export const DEFAULT_EJECTION: EjectionConfig = {
  connectFailures: 3,
  gatewayErrors: 5,
  serverErrors: 5,
  timeMs: 10_000,
  maxTimeMs: 300_000,
  maxShare: 0.5,
}

/** Below a quarter of healthy peers the others would only be overrun. */
export const DEFAULT_PANIC_THRESHOLD = 0.25

/** Rows kept free for the further addresses that a name may stand for, for each peer that is a name. */
export const SPARE_ROWS = 32

/** The size of the gateway's peer table. @param seats places for workers. Default: as many as are configured */
export function tablePlan(
  {
    workers,
    upstreams,
  }: {
    readonly workers: Pick<GatewayConfig['workers'], 'count'>
    readonly upstreams: GatewayConfig['upstreams']
  },
  seats: number = workers.count,
): TablePlan {
  return {
    workers: seats,
    rows: upstreams.map(({ peers }) => peers.reduce((rows, peer) => rows + 1 + spareRows(peer), 0)),
  }
}

function spareRows(peer: PeerConfig): number {
  return isNamed(peer) ? SPARE_ROWS : 0
}

/**
 * Do the addresses of its names become peers? Not where nothing is tried again: there a name stays one peer, whose connections pass over an address
 * that cannot be reached beneath the one attempt.
 */
export function publishesNames({ peers, retries }: Pick<UpstreamConfig, 'peers' | 'retries'>): boolean {
  return retries.max > 0 && peers.some(isNamed)
}

/** The peers of an upstream as they stand in the configuration. */
export function configuredPeers(peers: readonly PeerConfig[]): PublishedPeer[] {
  return peers.map(({ host, weight = 1, maxConnections = 0, maintenance = false }, template) => ({
    template,
    host,
    weight,
    maxConnections,
    maintenance,
  }))
}

/** A table for one thread alone, with one upstream. */
export function privateTable(peers: readonly PeerConfig[]): PeerTable {
  const table = new PeerTable({ workers: 1, rows: [peers.length] })
  table.publish(0, configuredPeers(peers))
  return table
}
