import { type EntryHead, FLAG_PURGED } from '../store/index.js'
import { type CacheControl, NO_DIRECTIVES, parseCacheControl } from './cache-control.js'
import {
  FLAG_FOR_AUTHORIZED,
  FLAG_IMMUTABLE,
  FLAG_MUST_REVALIDATE,
  FLAG_NO_CACHE,
  FLAG_SHARED_AGE,
} from './entry-meta.js'
import type { Fields } from './fields.js'

/** What may be done with a stored answer. */
export type Verdict =
  /** Serve it. */
  | 'fresh'
  /** Serve it, though it is stale: the client accepts that. */
  | 'stale'
  /** Serve it, and have it validated behind the client's back (RFC 5861 §3). */
  | 'stale-while-revalidate'
  /** Ask the origin first: it is stale. */
  | 'expired'
  /** Ask the origin first: the client wants it so. */
  | 'request'

const NO_CACHE: CacheControl = { ...NO_DIRECTIVES, noCache: true }

/** What a request says to caches; `Pragma: no-cache` counts where there is no Cache-Control (RFC 9111 §5.4). */
export function requestControl(request: Fields): CacheControl {
  const field = request.get('cache-control')
  if (field !== null) return parseCacheControl(field)
  const pragma = request.get('pragma')
  return pragma !== null && /(?:^|,)[ \t]*no-cache[ \t]*(?:,|$)/i.test(pragma) ? NO_CACHE : NO_DIRECTIVES
}

/** May a stored answer be used for a request, without asking the origin (RFC 9111 §4)? */
export function verdict(head: EntryHead, request: CacheControl, nowMs: number): Verdict {
  // §5.2.1.4.
  if (request.noCache !== false) return 'request'
  const { flags, freshUntilMs } = head
  // §5.2.2.4: never without validation; and so is what a soft purge has made stale, except for its windows.
  if ((flags & FLAG_NO_CACHE) !== 0) return 'expired'
  const leftMs = freshUntilMs - nowMs
  const isFresh = leftMs > 0 && (flags & FLAG_PURGED) === 0
  const age = Math.max(0, Math.floor((nowMs - head.bornMs) / 1000))
  // §5.2.1.1. RFC 8246 §2: a reload says max-age=0, which what is immutable need not heed while it is fresh.
  if (request.maxAgeS !== null && age > request.maxAgeS && !(isFresh && (flags & FLAG_IMMUTABLE) !== 0))
    return 'request'
  // A client that reloads with max-age=0 within the first second wants to be asked for as well.
  if (request.maxAgeS === 0 && !(isFresh && (flags & FLAG_IMMUTABLE) !== 0)) return 'request'
  // §5.2.1.3.
  if (request.minFreshS !== null && leftMs < request.minFreshS * 1000) return isFresh ? 'request' : 'expired'
  if (isFresh) return 'fresh'
  // §5.2.1.2, §4.2.4: not against the origin's word.
  const isBound = (flags & (FLAG_MUST_REVALIDATE | FLAG_SHARED_AGE | FLAG_PURGED)) !== 0
  if (request.maxStaleS !== null && !isBound && -leftMs <= request.maxStaleS * 1000) return 'stale'
  return nowMs < head.staleWhileRevalidateUntilMs ? 'stale-while-revalidate' : 'expired'
}

/**
 * May a stale answer stand in for an origin that fails: cannot be reached, is late, or answers 500, 502, 503 or 504 (RFC 5861 §4)? The request may
 * open the window too; `must-revalidate` shuts both (RFC 9111 §5.2.2.2).
 */
export function mayServeOnError(head: EntryHead, request: CacheControl, nowMs: number): boolean {
  if ((head.flags & (FLAG_MUST_REVALIDATE | FLAG_NO_CACHE)) !== 0) return false
  // Fresh, but the client wanted it validated.
  if (nowMs < head.freshUntilMs && (head.flags & FLAG_PURGED) === 0) return request.noCache === false
  if (nowMs < head.staleIfErrorUntilMs) return true
  const { staleIfErrorS } = request
  return (
    staleIfErrorS !== null &&
    (head.flags & FLAG_SHARED_AGE) === 0 &&
    nowMs < head.freshUntilMs + staleIfErrorS * 1000
  )
}

/** RFC 5861 §4. */
export function isErrorStatus(status: number): boolean {
  return status === 500 || (status >= 502 && status <= 504)
}

/** RFC 9111 §3.5: a request with Authorization gets nothing that its origin has not said to be for all. */
export function suitsAuthorization(head: EntryHead, authorized: boolean): boolean {
  return !authorized || (head.flags & FLAG_FOR_AUTHORIZED) !== 0
}
