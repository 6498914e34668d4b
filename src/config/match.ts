import { isIP } from 'node:net'
import { PatternError, parsePathPattern, patternCovers } from '../routing/index.js'
import { conditionCovers, conditionName } from './field-condition.js'
import { InvalidValue, show } from './invalid-value.js'
import { suggest } from './suggest.js'
import type { RouteMatch } from './types.js'

/** Methods that a route may ask for: all that the acceptor lets through, the everyday ones first. */
export const ROUTE_METHODS = [
  ...([
    'GET',
    'HEAD',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'OPTIONS',
    'QUERY',
    'PURGE',
    'ACL',
    'BIND',
    'CHECKOUT',
  ] as const),
  ...([
    'COPY',
    'LINK',
    'LOCK',
    'M-SEARCH',
    'MERGE',
    'MKACTIVITY',
    'MKCALENDAR',
    'MKCOL',
    'MOVE',
    'NOTIFY',
  ] as const),
  ...([
    'PROPFIND',
    'PROPPATCH',
    'REBIND',
    'REPORT',
    'SEARCH',
    'SOURCE',
    'SUBSCRIBE',
    'UNBIND',
    'UNLINK',
  ] as const),
  ...(['UNLOCK', 'UNSUBSCRIBE'] as const),
] as const

export type RouteMethod = (typeof ROUTE_METHODS)[number]

const LABELS = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/

/**
 * `example.com` or `*.example.com`, in lower case.
 * @throws InvalidValue
 */
export function parseMatchHost(value: unknown): string {
  if (typeof value !== 'string' || value === '')
    throw new InvalidValue(`expected a host name, got ${show(value)}`)
  const host = value.toLowerCase()
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  if (isIP(bare) === 6) return `[${bare}]`
  const port = /^(.+):\d*$/.exec(host)
  if (port !== null)
    throw new InvalidValue(`${show(value)} has a port`, `hosts match without it: '${port[1]}'`)
  const name = host.startsWith('*.') ? host.slice(2) : host
  if (!LABELS.test(name)) {
    throw new InvalidValue(
      `${show(value)} is not a host pattern`,
      "for example 'example.com' or '*.example.com'",
    )
  }
  return host
}

/**
 * A path pattern, see `parsePathPattern`.
 * @throws InvalidValue
 */
export function parseMatchPath(value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new InvalidValue(`expected a path, got ${show(value)}`)
  if (!value.startsWith('/'))
    throw new InvalidValue(`${show(value)} does not start with '/'`, `write '/${value}'`)
  const query = value.search(/[?#]/)
  if (query >= 0) {
    throw new InvalidValue(`${show(value)} has a query`, `paths match without it: '${value.slice(0, query)}'`)
  }
  if (/[^\x21-\x7e]/.test(value)) {
    throw new InvalidValue(`${show(value)} has characters that a path cannot have`, 'percent-encode them')
  }
  if (value.split('/').some((segment) => segment === '.' || segment === '..')) {
    throw new InvalidValue(`${show(value)} has dot segments`)
  }
  try {
    parsePathPattern(value)
  } catch (error) {
    if (error instanceof PatternError) throw new InvalidValue(`${show(value)}: ${error.message}`, error.hint)
    throw error
  }
  return value
}

/** @throws InvalidValue */
export function parseMethod(value: unknown): RouteMethod {
  const found = ROUTE_METHODS.find((method) => method === value)
  if (found !== undefined) return found
  const near = typeof value === 'string' ? suggest(value, ROUTE_METHODS) : null
  throw new InvalidValue(
    `${show(value)} is not a method that can be routed`,
    near === null ? 'for example GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS' : `did you mean '${near}'?`,
  )
}

/** Does every request that `later` matches also match `earlier`, so that `later` is never reached behind it? */
export function covers(earlier: RouteMatch, later: RouteMatch): boolean {
  return (
    hostCovers(earlier.host, later.host) &&
    patternCovers(parsePathPattern(earlier.path), parsePathPattern(later.path)) &&
    conditionsCover(earlier.headers, later.headers) &&
    conditionsCover(earlier.query, later.query) &&
    (earlier.methods === null ||
      (later.methods ?? ROUTE_METHODS_AND_OTHERS).every((method) => earlier.methods?.includes(method)))
  )
}

/** Stands for `any method`, which no list covers. */
const ROUTE_METHODS_AND_OTHERS: readonly string[] = [...ROUTE_METHODS, '*']

function hostCovers(earlier: string | null, later: string | null): boolean {
  if (earlier === null || earlier === later) return true
  return later !== null && earlier.startsWith('*.') && later.endsWith(earlier.slice(1))
}

function conditionsCover(earlier: RouteMatch['headers'] = [], later: RouteMatch['headers'] = []): boolean {
  return earlier.every((wide) => later.some((narrow) => conditionCovers(wide, narrow)))
}

/** Readable name of a match, for logs and metrics: `example.com/static/*`, `GET,HEAD /*`, `/a?v=2 [x-beta]`. */
export function matchName({ host, path, methods, headers = [], query = [] }: RouteMatch): string {
  const parameters = query.length === 0 ? '' : `?${query.map(conditionName).join('&')}`
  const fields = headers.map((condition) => ` [${conditionName(condition)}]`).join('')
  const where = `${host ?? ''}${path}${parameters}${fields}`
  return methods === null ? where : `${methods.join(',')} ${where}`
}
