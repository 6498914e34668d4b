import type { RouteCacheConfig } from '../cache/cache-config.js'
import type { LockTable } from '../cache/lock/index.js'
import type { CacheEvent } from '../cache/route-counters.js'
import type { StoreRules } from '../cache/rules/index.js'
import type { EntryStore } from '../cache/store/index.js'
import { cookieOf, holds, parameterOf } from '../routing/field-condition.js'
import type { RequestHeader } from '../session/message-headers.js'

/** The cache as a worker has it. */
export interface CacheServices {
  readonly store: EntryStore
  readonly locks: LockTable
  count(route: number, event: CacheEvent): void
}

/** What a route wants of the cache, ready to be asked. */
export class RouteCache {
  readonly config: RouteCacheConfig
  readonly services: CacheServices
  readonly rules: StoreRules

  constructor(config: RouteCacheConfig, services: CacheServices) {
    this.config = config
    this.services = services
    const { ttl, heuristic, stale, vary } = config
    this.rules = {
      ttlMs: (status) => ttl.find(({ from, to }) => status >= from && status <= to)?.ms ?? null,
      heuristic,
      stale,
      vary,
    }
  }

  /** The route wants this request to go past the cache. */
  bypasses(request: RequestHeader): boolean {
    const { headers, cookies, query } = this.config.bypass
    if (headers.some((condition) => holds(condition, request.headers.get(condition.name)))) return true
    if (query.some((condition) => holds(condition, parameterOf(request.uri.query, condition.name))))
      return true
    if (cookies.length === 0) return false
    const field = request.headers.get('cookie') ?? ''
    return cookies.some((condition) => holds(condition, cookieOf(field, condition.name)))
  }
}
