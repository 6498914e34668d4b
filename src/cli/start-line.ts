import { formatHostPort } from '../config/address.js'
import type { GatewayConfig } from '../config/types.js'
import type { UpstreamConfig } from '../config/types-upstream.js'
import type { Gateway } from '../supervisor/types.js'

const SHOWN = 3

/** The one line at start: what listens where, with how many workers and why, and where requests go. */
export function startLine(version: string, gateway: Gateway, config: GatewayConfig): string {
  const { listen, admin, acceptorKind, acceptorReason, workers, secure } = gateway
  const acceptor = acceptorReason === null ? acceptorKind : `${acceptorKind}: ${acceptorReason}`
  const parts = [
    `headgate ${version} listens on ${url(listen, secure)} (${acceptor})`,
    `${workers} ${workers === 1 ? 'worker' : 'workers'} (${config.workers.reason})`,
    upstreams(config.upstreams),
    ...(admin ? [`admin ${url(admin)}`] : []),
  ]
  return parts.join(', ')
}

/** The same as fields, for who reads the log by machine. */
export function startFields(
  version: string,
  gateway: Gateway,
  config: GatewayConfig,
): Record<string, unknown> {
  return {
    version,
    listen: url(gateway.listen, gateway.secure),
    admin: gateway.admin ? url(gateway.admin) : null,
    acceptor: gateway.acceptorKind,
    acceptorReason: gateway.acceptorReason,
    workers: gateway.workers,
    workersReason: config.workers.reason,
    file: config.file,
  }
}

function url({ host, port }: { readonly host: string; readonly port: number }, secure = false): string {
  return `${secure ? 'https' : 'http'}://${formatHostPort(host, port)}`
}

function upstreams(all: readonly UpstreamConfig[]): string {
  if (all.length > SHOWN) return `${all.length} upstreams`
  const each = all.map(({ name, peers }) => `${name} → ${some(peers.map((peer) => peer.id))}`)
  return `${all.length === 1 ? 'upstream' : 'upstreams'} ${each.join(', ')}`
}

function some(names: readonly string[]): string {
  const more = names.length - SHOWN
  return more > 0 ? `${names.slice(0, SHOWN).join(' ')} and ${more} more` : names.join(' ')
}
