import type { UpstreamConfig } from '../config/types-upstream.js'
import type { Reason } from '../session/errors.js'
import type { NameResolver } from './dns/index.js'
import { UpstreamGuard, type UpstreamGuardOptions } from './guard/index.js'
import { Http1Connector, prepareTls } from './http1/index.js'
import { PeerSet } from './peer-set.js'
import type { PeerSetOptions } from './peer-set-options.js'
import { privateTable } from './peers/index.js'

/** What a session needs of a connector; the real one is `Http1Connector`. */
export type UpstreamConnector = Pick<Http1Connector, 'request' | 'stats' | 'close'> &
  Partial<Pick<Http1Connector, 'retainTargets'>>

/** One upstream in one worker: its peers and this worker's own connections to them. */
export interface Upstream {
  readonly config: UpstreamConfig
  readonly peers: PeerSet
  readonly guard: UpstreamGuard
  readonly connector: UpstreamConnector
  /** Where attempts are counted; absent: nowhere. */
  readonly counts?: AttemptCounter
}

/** What is counted of attempts. */
export interface AttemptCounter {
  answered(status: number): void
  failed(reason: Reason): void
  retried(): void
  ended(method: string, status: number, lengthMs: number): void
}

/** What an upstream shares with others. */
export interface UpstreamSurroundings extends Pick<PeerSetOptions, 'shared' | 'onHealthChange'> {
  readonly counts?: AttemptCounter
  readonly onBreakerChange?: UpstreamGuardOptions['onBreakerChange']
  /** Keeps the addresses of names; without it every new connection looks its name up. */
  readonly names?: NameResolver
}

/** @param surroundings where the peers stand that all workers share, and who is to hear of changes; default: a table of its own */
export function createUpstream(config: UpstreamConfig, surroundings: UpstreamSurroundings = {}): Upstream {
  const { names, onHealthChange, onBreakerChange, counts } = surroundings
  const shared = surroundings.shared ?? { table: privateTable(config.peers), upstream: 0, worker: 0 }
  prepareTls(config.peers)
  const { balance, ejection, panicThreshold, health } = config
  const guard = new UpstreamGuard(config, shared.table.guard(shared.upstream, shared.worker), {
    ...(onBreakerChange !== undefined && { onBreakerChange }),
  })
  return {
    config,
    guard,
    ...(counts !== undefined && { counts }),
    peers: new PeerSet(config.peers, {
      shared,
      ...(guard.limit !== null && { limit: guard.limit }),
      ...(onHealthChange !== undefined && { onHealthChange }),
      ...(balance !== undefined && { balance }),
      ...(ejection !== undefined && { ejection }),
      ...(panicThreshold !== undefined && { panicThreshold }),
      isChecked: health !== undefined,
    }),
    connector: new Http1Connector({
      ...(names === undefined ? {} : { names }),
      maxIdle: config.pool.maxIdle,
      idleMs: config.pool.idleMs,
      maxAgeMs: config.pool.maxAgeMs,
    }),
  }
}
