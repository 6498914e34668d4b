import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ConnectTarget, UpstreamTls } from '../upstream/http1/types.js'
import { formatHostPort, type PeerAddress } from './address.js'
import type { Path } from './problem.js'
import type { ResolveContext } from './resolve-context.js'
import type { ParsedConfig } from './schema.js'
import type { UpstreamConfig } from './types.js'

type ParsedUpstream = ParsedConfig['upstreams'][string]
type ParsedTls = NonNullable<ParsedUpstream['tls']>

/** TLS settings with the files read. */
interface TlsFiles {
  readonly servername: string | null
  readonly verify: boolean
  readonly pem: { readonly ca?: string; readonly cert?: string; readonly key?: string }
}

/** One upstream with its peers as targets to connect to. */
export function resolveUpstream(
  name: string,
  parsed: ParsedUpstream,
  context: ResolveContext,
): UpstreamConfig {
  const path: Path = ['upstreams', name]
  const tls = parsed.tls === undefined ? null : readTls(parsed.tls, [...path, 'tls'], context)
  const peers = parsed.peers.map((peer, index) =>
    resolvePeer('address' in peer ? peer.address : peer, tls, [...path, 'peers', index], context),
  )
  for (const [index, { id }] of peers.entries()) {
    if (peers.findIndex((other) => other.id === id) === index) continue
    context.report('duplicate-peer', [...path, 'peers', index], `the peer ${id} is listed twice`)
  }
  const { timeouts, pool } = parsed
  warnOfTimeouts(timeouts, [...path, 'timeouts'], context)
  return {
    name,
    peers,
    timeouts: {
      connectMs: timeouts.connect,
      headersMs: timeouts.headers,
      idleMs: timeouts.idle,
      totalMs: timeouts.total,
      tunnelMs: timeouts.tunnel,
    },
    retries: { max: parsed.retries.max },
    pool: { maxIdle: pool.maxIdle, idleMs: pool.idle, maxAgeMs: pool.maxAge },
  }
}

function resolvePeer(
  address: PeerAddress,
  tls: TlsFiles | null,
  path: Path,
  context: ResolveContext,
): ConnectTarget {
  if (address.kind === 'unix') {
    const socketPath = resolve(context.baseFolder, address.path)
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
  if (scheme === 'http') {
    const hint = `write 'https://${id}', or take the tls section out`
    context.report('invalid-value', path, 'the peer is http:// but the upstream has a tls section', { hint })
  }
  const settings = tls ?? { servername: null, verify: true, pem: {} }
  return withTls(`https://${id}`, { host, port }, settings, settings.servername ?? host)
}

/** Everything that makes up the identity goes into the id, because targets of equal id share connections. */
function withTls(
  id: string,
  target: Omit<ConnectTarget, 'id' | 'tls'>,
  settings: TlsFiles,
  servername: string,
): ConnectTarget {
  const tls: UpstreamTls = { servername, verify: settings.verify, ...settings.pem }
  const differs = servername !== target.host || !settings.verify || Object.keys(settings.pem).length > 0
  const digest = createHash('sha256').update(JSON.stringify(tls)).digest('hex').slice(0, 12)
  return { id: differs ? `${id}#${digest}` : id, ...target, tls }
}

function readTls(parsed: ParsedTls, path: Path, context: ResolveContext): TlsFiles {
  const pem: { ca?: string; cert?: string; key?: string } = {}
  for (const name of ['ca', 'cert', 'key'] as const) {
    const file = parsed[name]
    if (file === undefined) continue
    try {
      const content = readFileSync(resolve(context.baseFolder, file), 'utf8')
      if (content.includes('-----BEGIN ')) pem[name] = content
      else context.report('unreadable', [...path, name], `'${file}' is not a PEM file`)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      context.report('unreadable', [...path, name], `cannot read '${file}': ${reason}`)
    }
  }
  if ((parsed.cert === undefined) !== (parsed.key === undefined)) {
    const [has, lacks] = parsed.cert === undefined ? (['key', 'cert'] as const) : (['cert', 'key'] as const)
    context.report('missing-key', [...path, has], `'${has}' needs '${lacks}' beside it`, { aspect: 'key' })
  }
  return { servername: parsed.servername ?? null, verify: parsed.verify, pem }
}

function warnOfTimeouts(timeouts: ParsedUpstream['timeouts'], path: Path, context: ResolveContext): void {
  if (timeouts.total === 0) return
  for (const name of ['connect', 'headers', 'idle'] as const) {
    if (timeouts[name] <= timeouts.total || !context.isWritten([...path, name])) continue
    const message = `it never passes, because the session ends at timeouts.total (${timeouts.total}ms)`
    context.report('timeout-order', [...path, name], message, { severity: 'warning' })
  }
}
