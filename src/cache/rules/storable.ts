import type { CacheControl, Scope } from './cache-control.js'
import type { Fields } from './fields.js'
import {
  type Arrival,
  type FreshnessRules,
  freshnessLifetime,
  type Lifetime,
  type StaleWindows,
  staleWindows,
} from './freshness.js'
import { responseControl } from './targeted.js'
import { usableVary, type VaryRules, varyNames } from './vary.js'

/** What a route wants of storing. */
export interface StoreRules extends FreshnessRules {
  readonly stale: StaleWindows
  readonly vary: VaryRules
}

/** A request as far as storing its response depends on it. */
export interface StoreRequest {
  /** As it went to the upstream. */
  readonly method: string
  /** It has an Authorization field. */
  readonly authorized: boolean
  /** It says `no-store` (RFC 9111 §5.2.1.5). */
  readonly noStore: boolean
}

/** Why a response is not stored. */
export type NotStored =
  | 'method'
  | 'status'
  | 'malformed'
  | 'no-store'
  | 'request-no-store'
  | 'private'
  | 'authorization'
  | 'set-cookie'
  | 'vary'
  | 'no-freshness'

/** How a response is stored. */
export interface StorePlan {
  readonly directives: CacheControl
  readonly lifetime: Lifetime
  readonly windows: StaleWindows
  readonly vary: readonly string[]
  /** Fields that the stored copy goes without, in lower case: those that `no-cache` and `private` name. */
  readonly without: readonly string[]
}

export type StoreDecision =
  | { readonly store: true; readonly plan: StorePlan }
  | { readonly store: false; readonly reason: NotStored }

/** Statuses whose caching is understood here (RFC 9111 §5.2.2.3), without 206 and 304, which are no whole responses. */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411,
  412, 413, 414, 415, 417, 421, 422, 426, 500, 501, 502, 503, 504, 505,
])

/** May a shared cache store this response, and how (RFC 9111 §3)? */
export function storeDecision(
  request: StoreRequest,
  status: number,
  fields: Fields,
  arrival: Arrival,
  rules: StoreRules,
): StoreDecision {
  // §3: the method is understood; only GET has a body that can answer others.
  if (request.method !== 'GET') return no('method')
  // §3.3: a part is no whole, and is never taken for one; 304 says nothing new.
  if (status < 200 || status === 206 || status === 304) return no('status')
  const control = responseControl(fields)
  const { directives } = control
  // A restriction that cannot be read must not be overlooked.
  if (directives.malformed) return no('malformed')
  // §3: with must-understand, a status that is not understood is not stored.
  const isUnderstood = UNDERSTOOD.has(status)
  if (directives.mustUnderstand && !isUnderstood) return no('status')
  // §5.2.2.3: one that is understood is stored in spite of no-store, which stands there for caches that do not know must-understand.
  if (directives.noStore && !directives.mustUnderstand) return no('no-store')
  if (request.noStore) return no('request-no-store')
  // §5.2.2.7.
  if (directives.isPrivate === true) return no('private')
  // §3.5.
  if (request.authorized && !allowsAuthorized(directives)) return no('authorization')
  // §7.3 leaves it to the origin; a cookie that all get is never meant, so it takes a word about that very field.
  const without = [...listed(directives.noCache), ...listed(directives.isPrivate)]
  if (fields.get('set-cookie') !== null && !without.includes('set-cookie')) return no('set-cookie')
  // §4.1: `*` never matches.
  const vary = usableVary(varyNames(fields.get('vary')), rules.vary)
  if (vary === null) return no('vary')
  const lifetime = freshnessLifetime(status, fields, control, arrival, rules)
  // F-52, design §12: what says nothing is not kept, though it could be validated. What must always be validated is.
  const isSilent = lifetime.source === 'none' && directives.noCache !== true
  const canBeValidated = fields.get('etag') !== null || fields.get('last-modified') !== null
  const windows = staleWindows(directives, rules.stale)
  const isOfUse = lifetime.ms > 0 || canBeValidated || windows.ifErrorMs > 0 || windows.whileRevalidateMs > 0
  if (isSilent || !isOfUse) return no('no-freshness')
  return { store: true, plan: { directives, lifetime, windows, vary, without } }
}

function no(reason: NotStored): StoreDecision {
  return { store: false, reason }
}

/** RFC 9111 §3.5: what a shared cache may use though the request was authorized. */
export function allowsAuthorized(directives: CacheControl): boolean {
  return directives.isPublic || directives.mustRevalidate || directives.sMaxageS !== null
}

function listed(scope: Scope): readonly string[] {
  return typeof scope === 'boolean' ? [] : scope
}
