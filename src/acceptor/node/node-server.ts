import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http'
import type { AcceptorOptions } from '../types.js'
import { createTlsServer, type ServerCertificates } from './tls-server.js'
import { upgradeMessages } from './upgrade-request.js'

/** Request line and separators, beside the limits of target and field section. */
const HEAD_MARGIN_BYTES = 256

/**
 * Node's HTTP server, as strict as it goes, with the limits of an acceptor. It does not listen yet.
 * @param certificates null: no TLS
 * @param isUpgrade is a request one to switch protocols? Only asked where the acceptor knows any
 */
export function createNodeServer(
  { limits, timeouts, tls, upgrades = [] }: AcceptorOptions,
  certificates: ServerCertificates | null,
  isUpgrade: (request: IncomingMessage) => boolean,
): Server {
  const { idleMs } = timeouts
  const options: ServerOptions = {
    maxHeaderSize: limits.headerBytes + limits.targetBytes + HEAD_MARGIN_BYTES,
    insecureHTTPParser: false,
    requireHostHeader: false,
    keepAlive: false,
    noDelay: true,
    keepAliveTimeout: idleMs,
    headersTimeout: idleMs,
    requestTimeout: 0,
    connectionsCheckingInterval: Math.max(50, Math.min(1000, idleMs / 4)),
    ...(upgrades.length === 0 ? {} : { IncomingMessage: upgradeMessages(isUpgrade) }),
  }
  const server =
    tls === undefined || certificates === null
      ? createServer(options)
      : createTlsServer(options, tls, certificates, idleMs)
  // Node would silently cut off what exceeds its count; ours is counted by the guard.
  server.maxHeadersCount = 0
  server.maxConnections = limits.connections
  return server
}
