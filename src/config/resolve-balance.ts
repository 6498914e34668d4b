import type { Path } from './problem.js'
import type { ResolveContext } from './resolve-context.js'
import type { ParsedConfig } from './schema.js'
import type { BalanceConfig, EjectionConfig, HealthCheckConfig, PeerConfig } from './types-upstream.js'

type ParsedUpstream = ParsedConfig['upstreams'][string]
type ParsedPeer = ParsedUpstream['peers'][number]

/** What stands beside the address of a peer, where it differs from the default. */
export function peerOptionsOf(
  peer: ParsedPeer,
): Pick<PeerConfig, 'weight' | 'maxConnections' | 'maintenance'> {
  if (!('address' in peer)) return {}
  const { weight, maxConnections, maintenance } = peer
  return {
    ...(weight !== 1 && { weight }),
    ...(maxConnections !== undefined && { maxConnections }),
    ...(maintenance && { maintenance }),
  }
}

export function resolveBalance(parsed: ParsedUpstream, path: Path, context: ResolveContext): BalanceConfig {
  const { balance, peers } = parsed
  const { algorithm, key, loadBound } =
    typeof balance === 'string' ? { algorithm: balance, key: 'path' as const, loadBound: 0 } : balance
  const isHash = algorithm === 'consistent-hash' || algorithm === 'ip-hash'
  const useless = (name: string, only: string): void => {
    const message = `it has no effect with ${algorithm}`
    context.report('no-effect', [...path, 'balance', name], message, { severity: 'warning', hint: only })
  }
  if (algorithm !== 'consistent-hash' && context.isWritten([...path, 'balance', 'key']))
    useless('key', 'consistent-hash has a key')
  if (!isHash && loadBound > 0) useless('loadBound', 'consistent-hash and ip-hash have a bound')
  const heavy = peers.findIndex((peer) => 'address' in peer && peer.weight !== 1)
  if (algorithm === 'round-robin' && heavy >= 0) {
    const hint = 'write balance: weighted-round-robin'
    const message = 'the weight has no effect with round-robin'
    context.report('no-effect', [...path, 'peers', heavy, 'weight'], message, { severity: 'warning', hint })
  }
  return { algorithm, key: keyOf(key), loadBound }
}

function keyOf(key: 'ip' | 'path' | { header: string } | { cookie: string }): BalanceConfig['key'] {
  if (typeof key === 'string') return { kind: key }
  return 'header' in key ? { kind: 'header', name: key.header } : { kind: 'cookie', name: key.cookie }
}

export function resolveEjection({ ejection }: ParsedUpstream): EjectionConfig {
  const { connectFailures, gatewayErrors, serverErrors, time, maxTime, maxShare } = ejection
  const maxTimeMs = Math.max(time, maxTime)
  return { connectFailures, gatewayErrors, serverErrors, timeMs: time, maxTimeMs, maxShare }
}

/** Null: no checks. */
export function resolveHealth(
  { health }: ParsedUpstream,
  path: Path,
  context: ResolveContext,
): HealthCheckConfig | null {
  if (health === undefined) return null
  const { path: target, tcp = false, host = null, expectedStatus } = health
  if (tcp === (target !== undefined)) {
    const message = tcp ? "'path' and 'tcp' exclude each other" : "'path' is missing"
    const hint = 'path: /health for an HTTP check, tcp: true for a TCP check'
    context.report(tcp ? 'invalid-value' : 'missing-key', [...path, 'health'], message, { hint })
  }
  const first = expectedStatus[0]
  const ranges =
    typeof first === 'number'
      ? [expectedStatus as readonly [number, number]]
      : (expectedStatus as [number, number][])
  return {
    check: tcp ? { kind: 'tcp' } : { kind: 'http', path: target ?? '/', host, expectedStatus: ranges },
    intervalMs: health.interval,
    timeoutMs: health.timeout,
    healthyAfter: health.healthyAfter,
    unhealthyAfter: health.unhealthyAfter,
  }
}
