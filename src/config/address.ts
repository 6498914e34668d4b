import { isIP, isIPv4 } from 'node:net'
import { InvalidValue, show } from './invalid-value.js'
import type { ListenAddress } from './types.js'

/** Where a peer is, as its address tells. */
export type PeerAddress =
  | {
      readonly kind: 'tcp'
      readonly scheme: 'http' | 'https' | null
      readonly host: string
      readonly port: number
    }
  | { readonly kind: 'unix'; readonly path: string }

/** A host with what follows it: `[::1]` brackets removed, the port null when there is none. */
interface HostPort {
  readonly host: string
  readonly port: number | null
}

const HOSTNAME = /^(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?$/i

/**
 * `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, `:8080` (all IPv4 addresses), `8080` (on 127.0.0.1). Port 0 is
 * an ephemeral port.
 * @throws InvalidValue
 */
export function parseListen(value: unknown): ListenAddress {
  if (typeof value === 'number') return { host: '127.0.0.1', port: parsePort(String(value)) }
  if (typeof value !== 'string' || value === '') {
    throw new InvalidValue(`expected host:port, got ${show(value)}`, "for example '127.0.0.1:8080'")
  }
  if (/^\d+$/.test(value)) return { host: '127.0.0.1', port: parsePort(value) }
  if (value.startsWith(':') && !value.startsWith('::'))
    return { host: '0.0.0.0', port: parsePort(value.slice(1)) }
  if (value.includes('://')) {
    throw new InvalidValue(`expected host:port, got ${show(value)}`, 'without a scheme')
  }
  const { host, port } = parseHostPort(value)
  if (port === null) throw new InvalidValue(`${show(value)} has no port`, `for example '${value}:8080'`)
  return { host, port }
}

/**
 * Like {@link parseListen}; `false` or `'off'` is null. Whether there is a token, which other addresses than loopback need, is not known here.
 * @throws InvalidValue
 */
export function parseAdmin(value: unknown): ListenAddress | null {
  return value === false || value === 'off' || value === 'false' ? null : parseListen(value)
}

/** 127.0.0.0/8, ::1 or `localhost`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

/**
 * `127.0.0.1:9000`, `http://host[:80]`, `https://host[:443]`, `unix:/path`.
 * @throws InvalidValue
 */
export function parsePeer(value: unknown): PeerAddress {
  if (typeof value === 'number') {
    throw new InvalidValue(`${value} is not an address`, `write '127.0.0.1:${value}'`)
  }
  if (typeof value !== 'string' || value === '') {
    throw new InvalidValue(`expected an address such as '127.0.0.1:9000', got ${show(value)}`)
  }
  if (value.startsWith('unix:')) {
    const path = value.slice('unix:'.length).replace(/^\/\/(?=\/)/, '')
    if (path === '')
      throw new InvalidValue('the path of the socket is missing', "for example 'unix:/run/app.sock'")
    return { kind: 'unix', path }
  }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(value)?.[1]?.toLowerCase()
  if (scheme === undefined) {
    const { host, port } = parseHostPort(value)
    if (port === null) {
      throw new InvalidValue(`${show(value)} has no port`, `write '${value}:80' or 'http://${value}'`)
    }
    return { kind: 'tcp', scheme: null, host, port: peerPort(port) }
  }
  if (scheme !== 'http' && scheme !== 'https') {
    throw new InvalidValue(`${show(scheme)} is not a scheme for a peer`, 'http:// and https:// and unix: are')
  }
  const rest = value.slice(scheme.length + '://'.length)
  if (rest.includes('@')) throw new InvalidValue('a peer address carries no user name or password')
  const slash = rest.search(/[/?#]/)
  if (slash >= 0 && rest.slice(slash) !== '/') {
    throw new InvalidValue(
      `a peer address has no path, got ${show(rest.slice(slash))}`,
      `write '${scheme}://${rest.slice(0, slash)}'`,
    )
  }
  const { host, port } = parseHostPort(slash < 0 ? rest : rest.slice(0, slash))
  return { kind: 'tcp', scheme, host, port: peerPort(port ?? (scheme === 'https' ? 443 : 80)) }
}

/**
 * `10.0.0.2`, `10.0.0.2:53`, `::1`, `[::1]:53`: addresses only, since a name server's name would need a name server.
 * @throws InvalidValue
 */
export function parseNameServer(value: unknown): string {
  if (typeof value === 'string' && isIP(value) !== 0) return value
  if (typeof value !== 'string' || value === '') {
    throw new InvalidValue(`expected the address of a name server, got ${show(value)}`)
  }
  const { host, port } = parseHostPort(value)
  if (isIP(host) === 0)
    throw new InvalidValue(`${show(value)} is not an address`, "for example '10.0.0.2:53'")
  return formatHostPort(host, port ?? 53)
}

/**
 * A name or address that a certificate may carry.
 * @throws InvalidValue
 */
export function parseServerName(value: unknown): string {
  if (typeof value === 'string' && (isIP(value) !== 0 || (HOSTNAME.test(value) && value.length <= 253)))
    return value
  throw new InvalidValue(`${show(value)} is not a server name`, 'a host name or an address, without a port')
}

/** `host:port` with an IPv6 address in brackets again. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function parseHostPort(text: string): HostPort {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text)
  if (bracketed !== null) {
    const [, host = '', port] = bracketed
    if (isIP(host) !== 6) throw new InvalidValue(`${show(host)} is not an IPv6 address`)
    return { host, port: port === undefined ? null : parsePort(port) }
  }
  const colon = text.indexOf(':')
  if (colon !== text.lastIndexOf(':')) {
    throw new InvalidValue(
      `expected host:port, got ${show(text)}`,
      "an IPv6 address stands in brackets: '[::1]:8080'",
    )
  }
  const host = colon < 0 ? text : text.slice(0, colon)
  const looksNumeric = /^[\d.]+$/.test(host)
  if (looksNumeric ? !isIPv4(host) : !HOSTNAME.test(host) || host.length > 253) {
    throw new InvalidValue(`${show(host)} is not a host name or address`)
  }
  return { host, port: colon < 0 ? null : parsePort(text.slice(colon + 1)) }
}

function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535) {
    throw new InvalidValue(
      `${show(text)} is not a port`,
      'a number from 1 to 65535, or 0 for any that is free',
    )
  }
  return port
}

function peerPort(port: number): number {
  if (port === 0) throw new InvalidValue('a peer cannot have port 0')
  return port
}
