import type { UpstreamConfig } from '../config/types.js'
import { Http1Connector } from './http1/index.js'
import { PeerSet } from './peer-set.js'

/** One upstream in one worker: its peers and this worker's own connections to them. */
export interface Upstream {
  readonly config: UpstreamConfig
  readonly peers: PeerSet
  readonly connector: Http1Connector
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
