import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import type { ConnectTarget, UpstreamTls } from '../upstream/http1/types.js'
import { formatHostPort, type PeerAddress } from './address.js'
import type { Path } from './problem.js'
import { PLAIN_TLS, readTls, type TlsFiles } from './read-tls.js'
import { peerOptionsOf, resolveBalance, resolveEjection, resolveHealth } from './resolve-balance.js'
import type { ResolveContext } from './resolve-context.js'
import { resolveBounds, resolveRetries } from './resolve-guard.js'
import type { ParsedConfig } from './schema.js'
import type { UpstreamConfig } from './types-upstream.js'

type ParsedUpstream = ParsedConfig['upstreams'][string]

/** What the kernels take as the path of a socket, less the closing zero: 104 bytes on macOS and BSD, 108 elsewhere. */
const SOCKET_PATH_BYTES = process.platform === 'linux' ? 107 : 103

/** One upstream with its peers as targets to connect to. */
export function resolveUpstream(
  name: string,
  parsed: ParsedUpstream,
  context: ResolveContext,
): UpstreamConfig {
  const path: Path = ['upstreams', name]
  const tls = tlsOf(parsed.tls, [...path, 'tls'], context)
  const peers = parsed.peers.map((peer, index) => ({
    ...resolvePeer('address' in peer ? peer.address : peer, tls, [...path, 'peers', index], context),
    ...peerOptionsOf(peer),
  }))
  for (const [index, { id }] of peers.entries()) {
    if (peers.findIndex((other) => other.id === id) === index) continue
    context.report('duplicate-peer', [...path, 'peers', index], `the peer ${id} is listed twice`)
  }
  const { timeouts, pool } = parsed
  warnOfTimeouts(timeouts, [...path, 'timeouts'], context)
  const checks = resolveHealth(parsed, path, context)
  return {
    name,
    peers,
    balance: resolveBalance(parsed, path, context),
    panicThreshold: parsed.panicThreshold,
    ejection: resolveEjection(parsed),
    ...(checks !== null && { health: checks }),
    timeouts: {
      connectMs: timeouts.connect,
      headersMs: timeouts.headers,
      idleMs: timeouts.idle,
      totalMs: timeouts.total,
      tunnelMs: timeouts.tunnel,
    },
    retries: resolveRetries(parsed),
    ...resolveBounds(parsed),
    pool: { maxIdle: pool.maxIdle, idleMs: pool.idle, maxAgeMs: pool.maxAge },
    ...(parsed.host === undefined ? {} : { host: parsed.host }),
  }
}

/** `false`: there must be none; null: only for the peers that are `https://`. */
function tlsOf(parsed: ParsedUpstream['tls'], path: Path, context: ResolveContext): TlsFiles | false | null {
  if (parsed === undefined) return null
  if (parsed === false) return false
  return parsed === true ? PLAIN_TLS : readTls(parsed, path, context)
}

function resolvePeer(
  address: PeerAddress,
  wanted: TlsFiles | false | null,
  path: Path,
  context: ResolveContext,
): ConnectTarget {
  const tls = wanted === false ? null : wanted
  if (address.kind === 'unix') {
    const socketPath = resolve(context.baseFolder, address.path)
    const bytes = Buffer.byteLength(socketPath)
    if (bytes > SOCKET_PATH_BYTES) {
      const message = `the path of the socket has ${bytes} bytes, the system takes ${SOCKET_PATH_BYTES}: ${socketPath}`
      context.report('invalid-value', path, message)
    }
    if (tls !== null && tls.servername === null) {
      const hint = 'say tls.servername: a socket has no name that a certificate could match'
      context.report('invalid-value', path, 'TLS over a Unix socket has no server name', { hint })
    }
    const target = { host: 'localhost', port: 0, socketPath }
    return tls === null
      ? { id: `unix:${socketPath}`, ...target }
      : withTls(`unix:${socketPath}`, target, tls, tls.servername ?? 'localhost')
  }
  const { host, port, scheme } = address
  const id = formatHostPort(host, port)
  if (scheme !== 'https' && tls === null) return { id, host, port }
  if (wanted === false) {
    const hint = `write 'http://${id}', or take 'tls: false' out`
    context.report('invalid-value', path, 'the peer is https:// but the upstream has tls: false', { hint })
  }
  if (scheme === 'http') {
    const hint = `write 'https://${id}', or take the tls section out`
    context.report('invalid-value', path, 'the peer is http:// but the upstream has a tls section', { hint })
  }
  const settings = tls ?? PLAIN_TLS
  // A name with a dot at its end is the same name; SNI has none (RFC 6066 §3).
  const servername = (settings.servername ?? host).replace(/\.$/, '')
  return withTls(`https://${id}`, { host, port }, settings, servername)
}

/** Everything that makes up the identity goes into the id, because targets of equal id share connections. */
function withTls(
  id: string,
  target: Omit<ConnectTarget, 'id' | 'tls'>,
  settings: TlsFiles,
  servername: string,
): ConnectTarget {
  const { verify, minVersion, pem } = settings
  const tls: UpstreamTls = { servername, verify, ...pem, ...(minVersion === null ? {} : { minVersion }) }
  const differs = servername !== target.host || !verify || minVersion !== null || Object.keys(pem).length > 0
  const digest = createHash('sha256').update(JSON.stringify(tls)).digest('hex').slice(0, 12)
  return { id: differs ? `${id}#${digest}` : id, ...target, tls }
}

function warnOfTimeouts(timeouts: ParsedUpstream['timeouts'], path: Path, context: ResolveContext): void {
  if (timeouts.total === 0) return
  for (const name of ['connect', 'headers', 'idle'] as const) {
    if (timeouts[name] <= timeouts.total || !context.isWritten([...path, name])) continue
    const message = `it never passes, because the session ends at timeouts.total (${timeouts.total}ms)`
    context.report('timeout-order', [...path, name], message, { severity: 'warning' })
  }
}
