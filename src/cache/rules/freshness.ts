import type { CacheControl } from './cache-control.js'
import { deltaSeconds, type Fields } from './fields.js'
import { parseHttpDate } from './http-date.js'
import type { ResponseControl } from './targeted.js'

/** Statuses whose responses may be cached without being said to (RFC 9110 §15.1). */
export const HEURISTIC_STATUSES: ReadonlySet<number> = new Set([
  200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501,
])

/** What a route adds to what responses say. All off by default: then nothing is fresh that is not explicitly so. */
export interface FreshnessRules {
  /** Lifetime of a response that says nothing of its own, null: none. */
  ttlMs(status: number): number | null
  /** RFC 9111 §4.2.2; null: off. */
  readonly heuristic: { readonly share: number; readonly maxMs: number } | null
}

/** When a response came, and how old it was by then. */
export interface Arrival {
  /** When the request left, ms since the epoch. */
  readonly requestMs: number
  /** When the head of the response had come. */
  readonly responseMs: number
  /** Its Date field; null when absent or invalid. */
  readonly dateMs: number | null
}

/** Where a lifetime comes from. */
export type LifetimeSource = 's-maxage' | 'max-age' | 'expires' | 'ttl' | 'heuristic' | 'none'

export interface Lifetime {
  readonly ms: number
  readonly source: LifetimeSource
}

/**
 * RFC 9111 §4.2.3. Dates have whole seconds, so they are compared in those: half a second between the origin's clock tick and ours is no age.
 * @returns `corrected_initial_age`, ms
 */
export function initialAgeMs({ requestMs, responseMs, dateMs }: Arrival, fields: Fields): number {
  const apparentMs =
    dateMs === null ? 0 : Math.max(0, Math.floor(responseMs / 1000) * 1000 - Math.floor(dateMs / 1000) * 1000)
  const ageS = ageField(fields.get('age'))
  return Math.max(apparentMs, ageS * 1000 + Math.max(0, responseMs - requestMs))
}

/** RFC 9111 §5.1: the first value of several; an invalid field is ignored. */
function ageField(field: string | null): number {
  if (field === null) return 0
  const comma = field.indexOf(',')
  return deltaSeconds((comma < 0 ? field : field.slice(0, comma)).trim()) ?? 0
}

/** How long a response is fresh, counted from its making (RFC 9111 §4.2.1). */
export function freshnessLifetime(
  status: number,
  fields: Fields,
  { directives, isTargeted }: ResponseControl,
  arrival: Arrival,
  rules: FreshnessRules,
): Lifetime {
  // A shared cache: s-maxage goes before all (§5.2.2.10).
  if (directives.sMaxageS !== null) return { ms: directives.sMaxageS * 1000, source: 's-maxage' }
  if (directives.maxAgeS !== null) return { ms: directives.maxAgeS * 1000, source: 'max-age' }
  const madeMs = arrival.dateMs ?? arrival.responseMs
  if (!isTargeted) {
    const expires = fields.get('expires')
    if (expires !== null) {
      // §5.3: an invalid date, above all `0`, lies in the past. Two of them are no date either.
      const untilMs = parseHttpDate(expires)
      return { ms: untilMs === null ? 0 : Math.max(0, untilMs - madeMs), source: 'expires' }
    }
  }
  const ttlMs = rules.ttlMs(status)
  if (ttlMs !== null) return { ms: ttlMs, source: 'ttl' }
  const { heuristic } = rules
  if (heuristic !== null && (directives.isPublic || HEURISTIC_STATUSES.has(status))) {
    const modified = fields.get('last-modified')
    const modifiedMs = modified === null ? null : parseHttpDate(modified)
    if (modifiedMs !== null) {
      const ms = Math.min(heuristic.maxMs, Math.max(0, (madeMs - modifiedMs) * heuristic.share))
      return { ms, source: 'heuristic' }
    }
  }
  return { ms: 0, source: 'none' }
}

/** How long a stale response may be used, ms behind the end of its freshness. */
export interface StaleWindows {
  readonly whileRevalidateMs: number
  readonly ifErrorMs: number
}

/**
 * RFC 5861 §3 and §4, and a route's own windows where the response says nothing. RFC 9111 §4.2.4: `must-revalidate`,
 * `proxy-revalidate` and `no-cache` shut both. `s-maxage`, which has the meaning of `proxy-revalidate` (§5.2.2.10), shuts those of the route;
 * a window in the response itself is the word of who wrote the `s-maxage`.
 */
export function staleWindows(directives: CacheControl, routes: StaleWindows): StaleWindows {
  if (mustRevalidate(directives)) return { whileRevalidateMs: 0, ifErrorMs: 0 }
  const isOpen = directives.sMaxageS === null
  const window = (saidS: number | null, ownMs: number): number =>
    saidS !== null ? saidS * 1000 : isOpen ? ownMs : 0
  return {
    whileRevalidateMs: window(directives.staleWhileRevalidateS, routes.whileRevalidateMs),
    ifErrorMs: window(directives.staleIfErrorS, routes.ifErrorMs),
  }
}

/** Never to be served stale, whatever a client or a route would accept (RFC 9111 §5.2.2.2, §5.2.2.8, §5.2.2.4). */
export function mustRevalidate(directives: CacheControl): boolean {
  return directives.mustRevalidate || directives.proxyRevalidate || directives.noCache === true
}
