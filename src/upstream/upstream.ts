import type { UpstreamConfig } from '../config/types.js'
import { Http1Connector } from './http1/index.js'
import { PeerSet, type PeerSetOptions } from './peer-set.js'

/** What a session needs of a connector; the real one is `Http1Connector`. */
export type UpstreamConnector = Pick<Http1Connector, 'request' | 'stats' | 'close'>

/** One upstream in one worker: its peers and this worker's own connections to them. */
export interface Upstream {
  readonly config: UpstreamConfig
  readonly peers: PeerSet
  readonly connector: UpstreamConnector
}

/** @param shared where the peers stand that all workers share, and who is to hear of changes; default: a table of its own */
export function createUpstream(
  config: UpstreamConfig,
  shared: Pick<PeerSetOptions, 'shared' | 'onHealthChange'> = {},
): Upstream {
  const { balance, ejection, panicThreshold, health } = config
  return {
    config,
    peers: new PeerSet(config.peers, {
      ...shared,
      ...(balance !== undefined && { balance }),
      ...(ejection !== undefined && { ejection }),
      ...(panicThreshold !== undefined && { panicThreshold }),
      isChecked: health !== undefined,
    }),
    connector: new Http1Connector({
      maxIdle: config.pool.maxIdle,
      idleMs: config.pool.idleMs,
      maxAgeMs: config.pool.maxAgeMs,
    }),
  }
}
