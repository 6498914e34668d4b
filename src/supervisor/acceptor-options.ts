import type { AcceptorOptions } from '../acceptor/index.js'
import type { GatewayConfig } from '../config/types.js'
import { upgradesOf } from './fixed-settings.js'

/** What the acceptor is told of the configuration. */
export function acceptorOptions(config: GatewayConfig): AcceptorOptions {
  const { limits, client } = config
  return {
    host: config.listen.host,
    port: config.listen.port,
    limits: {
      headerBytes: limits.headerBytes,
      headerCount: limits.headerCount,
      targetBytes: limits.targetBytes,
      bodyBytes: limits.bodyBytes,
      connections: limits.connections,
      connectionsPerAddress: limits.connectionsPerAddress,
    },
    timeouts: { idleMs: client.idleMs, bodyMs: client.bodyMs, writeMs: client.writeMs },
    chunked: client.chunked,
    ...(config.tls !== undefined && { tls: config.tls }),
    upgrades: upgradesOf(config),
    webSocketMessageBytes: limits.webSocketMessageBytes,
    webSocketCompressedBytes: limits.webSocketCompressedBytes,
  }
}
