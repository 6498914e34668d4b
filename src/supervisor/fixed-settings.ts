import { isDeepStrictEqual } from 'node:util'
import type { GatewayConfig } from '../config/types.js'

/** A reload was refused; nothing was changed. */
export class ReloadRefused extends Error {
  override readonly name = 'ReloadRefused'
  /** One sentence each. */
  readonly reasons: readonly string[]

  /** It is the configuration that is wrong, not the moment. */
  readonly isConfig: boolean

  constructor(reasons: readonly string[], isConfig = true) {
    super(reasons.join('; '))
    this.reasons = reasons
    this.isConfig = isConfig
  }
}

/** What belongs to the listening sockets, the shared memory or the log: settled when the process starts. */
const FIXED: readonly (readonly [name: string, of: (config: GatewayConfig) => unknown])[] = [
  ['listen', ({ listen }) => listen],
  ['admin', ({ admin }) => admin],
  ['acceptor', ({ acceptor }) => acceptor],
  ['tls (its certificates apart)', ({ tls }) => tls && { ...tls, certificates: [], files: [], hsts: '' }],
  ['limits.header', ({ limits }) => limits.headerBytes],
  ['limits.headerCount', ({ limits }) => limits.headerCount],
  ['limits.url', ({ limits }) => limits.targetBytes],
  ['limits.body', ({ limits }) => limits.bodyBytes],
  ['limits.webSocketMessage', ({ limits }) => limits.webSocketMessageBytes],
  ['limits.webSocketCompressed', ({ limits }) => limits.webSocketCompressedBytes],
  ['limits.connections', ({ limits }) => limits.connections],
  ['limits.connectionsPerAddress', ({ limits }) => limits.connectionsPerAddress],
  ['client', ({ client }) => client],
  ['log.format', ({ log }) => log.format],
  ['otlp', ({ otlp }) => otlp],
]

/**
 * What of a new configuration cannot be had without a restart.
 * @param seats places for workers, twice as many as there were at the start
 * @returns a sentence each; empty: it can be reloaded
 */
export function needsRestart(former: GatewayConfig, next: GatewayConfig, seats: number): string[] {
  const reasons = FIXED.flatMap(([name, of]) =>
    isDeepStrictEqual(of(former), of(next)) ? [] : [`'${name}' cannot change without a restart`],
  )
  const most = seats / 2
  if (next.workers.count > most) {
    reasons.push(
      `'workers' cannot become ${next.workers.count} without a restart: at most ${most}, as many as at the start`,
    )
  }
  const offered = upgradesOf(former)
  const added = upgradesOf(next).filter((protocol) => !offered.includes(protocol))
  if (added.length > 0)
    reasons.push(
      `'upgrades' to ${added.join(', ')} cannot be added without a restart: no route had them before`,
    )
  return reasons
}

/** All protocols that clients may switch to on some route. */
export function upgradesOf(config: GatewayConfig): string[] {
  return [...new Set(config.routes.flatMap((route) => route.upgrades))]
}
