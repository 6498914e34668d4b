import { isIP } from 'node:net'
import type { UpstreamConfig } from '../config/types.js'
import type { NameResolver } from './dns/index.js'
import { Http1Connector, prepareTls } from './http1/index.js'
import { PeerSet } from './peer-set.js'

/** What a session needs of a connector; the real one is `Http1Connector`. */
export type UpstreamConnector = Pick<Http1Connector, 'request' | 'stats' | 'close'>

/** One upstream in one worker: its peers and this worker's own connections to them. */
export interface Upstream {
  readonly config: UpstreamConfig
  readonly peers: PeerSet
  readonly connector: UpstreamConnector
}

/**
 * @param names keeps the addresses of this worker's names, those of the peers from now on; without it every new connection
 * looks its name up
 */
export function createUpstream(config: UpstreamConfig, names?: NameResolver): Upstream {
  for (const { host, socketPath } of config.peers) {
    if (socketPath === undefined && isIP(host) === 0) names?.watch(host)
  }
  prepareTls(config.peers)
  return {
    config,
    peers: new PeerSet(config.peers),
    connector: new Http1Connector({
      ...(names === undefined ? {} : { names }),
      maxIdle: config.pool.maxIdle,
      idleMs: config.pool.idleMs,
      maxAgeMs: config.pool.maxAgeMs,
    }),
  }
}
