import { cookieOf } from '../../routing/field-condition.js'
import type { Fields } from './fields.js'

/** Which parameters of the query are part of the key. */
export type QueryRule =
  | { readonly kind: 'all' | 'none' }
  | { readonly kind: 'only' | 'except'; readonly names: readonly string[] }

/** What a route's key is made of, beside method, scheme, host and path. */
export interface KeyRules {
  readonly query: QueryRule
  /** Parameters in another order are the same resource. */
  readonly sortQuery: boolean
  /** Lower case. */
  readonly headers: readonly string[]
  readonly cookies: readonly string[]
}

/** Parts of the URL that was asked for, with Host and target as they came. */
export interface KeyParts {
  /** `http` or `https`. */
  readonly scheme: string
  /** Value of Host. */
  readonly host: string
  /** Path and query, in normal form. */
  readonly target: string
}

/** Ends the URL in a key: no URL holds one. */
export const URL_END = '\0'

export const PLAIN_KEY: KeyRules = { query: { kind: 'all' }, sortQuery: false, headers: [], cookies: [] }

/**
 * The key of a response to GET and HEAD: the URL first, so that keys of a folder have its URL as a prefix; then what else it is made of,
 * each part preceded by its length, so that no two requests can make up the same text from different parts. One character per byte.
 * The host is always in it (B19).
 */
export function cacheKey(parts: KeyParts, request: Fields, rules: KeyRules, own = ''): string {
  let key = keyUrl(parts, rules) + URL_END
  for (const name of rules.headers) key += part(request.get(name))
  if (rules.cookies.length > 0) {
    const field = request.get('cookie') ?? ''
    for (const name of rules.cookies) key += part(cookieOf(field, name))
  }
  return own === '' ? key : `${key}k${part(own)}`
}

/** A part of a key; absent differs from empty. */
function part(value: string | null): string {
  return value === null ? '-' : `${value.length}:${value}`
}

/** The key of a variant of the resource under `key`. @param variance as of `variance()` */
export function variantKey(key: string, variance: string): string {
  return `${key}v${variance.length}:${variance}`
}

/** The URL as it stands in keys: `http://example.com/path?query`, host in lower case and without the port that the scheme implies (RFC 9110 §4.2.3). */
export function keyUrl(
  { scheme, host, target }: KeyParts,
  rules: Pick<KeyRules, 'query' | 'sortQuery'>,
): string {
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  const query = mark < 0 ? null : keyQuery(target.slice(mark + 1), rules)
  const url = `${scheme}://${keyHost(scheme, host)}${path}`
  return query === null ? url : `${url}?${query}`
}

/** Most requests ask the host that the one before has asked. */
let lastHost = ''
let lastScheme = ''
let lastKeyHost = ''

function keyHost(scheme: string, host: string): string {
  if (host !== lastHost || scheme !== lastScheme) {
    lastKeyHost = normalHost(scheme, host)
    lastHost = host
    lastScheme = scheme
  }
  return lastKeyHost
}

function normalHost(scheme: string, host: string): string {
  const lower = host.toLowerCase()
  const implied = scheme === 'https' ? ':443' : ':80'
  if (lower.endsWith(implied)) return lower.slice(0, -implied.length)
  return lower.endsWith(':') ? lower.slice(0, -1) : lower
}

/** The query as far as it is part of the key; null: nothing of it is. */
function keyQuery(
  query: string,
  { query: rule, sortQuery }: Pick<KeyRules, 'query' | 'sortQuery'>,
): string | null {
  if (rule.kind === 'none') return null
  if (rule.kind === 'all' && !sortQuery) return query
  let pairs = query.split('&')
  if (rule.kind === 'only') pairs = pairs.filter((pair) => rule.names.includes(nameOf(pair)))
  else if (rule.kind === 'except') pairs = pairs.filter((pair) => !rule.names.includes(nameOf(pair)))
  if (sortQuery) {
    pairs = pairs.filter((pair) => pair !== '')
    // By name only: the order of the values of one name can mean something. Sorting is stable.
    pairs.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : 0))
  }
  return pairs.length === 0 ? null : pairs.join('&')
}

/** Decoded: who writes `%75tm` for `utm` must not get a key of his own. */
function nameOf(pair: string): string {
  const equals = pair.indexOf('=')
  const raw = (equals < 0 ? pair : pair.slice(0, equals)).replaceAll('+', ' ')
  if (!raw.includes('%')) return raw
  try {
    return decodeURIComponent(raw)
  } catch {
    return raw
  }
}

/** Tag of all entries of a URL on a route whose keys hold more than the URL: what an unsafe method invalidates them by. */
export function urlTag(url: string): string {
  return `url ${url}`
}
