import type { UpstreamConfig } from '../config/types.js'
import { Http1Connector } from './http1/index.js'
import { PeerSet } from './peer-set.js'

/** What a session needs of a connector; the real one is `Http1Connector`. */
export type UpstreamConnector = Pick<Http1Connector, 'request' | 'stats' | 'close'>

/** One upstream in one worker: its peers and this worker's own connections to them. */
export interface Upstream {
  readonly config: UpstreamConfig
  readonly peers: PeerSet
  readonly connector: UpstreamConnector
}

export function createUpstream(config: UpstreamConfig): Upstream {
  return {
    config,
    peers: new PeerSet(config.peers),
    connector: new Http1Connector({
      maxIdle: config.pool.maxIdle,
      idleMs: config.pool.idleMs,
      maxAgeMs: config.pool.maxAgeMs,
    }),
  }
}
