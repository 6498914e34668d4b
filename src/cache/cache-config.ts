import type { FieldCondition } from '../routing/field-condition.js'
import type { KeyRules } from './rules/cache-key.js'
import type { StaleWindows } from './rules/freshness.js'
import type { VaryRules } from './rules/vary.js'

/** The memory that the caches of all routes share. Made when a route has a cache. */
export interface CacheMemoryConfig {
  /** Of everything: index, entries, bodies. */
  readonly sizeBytes: number
  /** Longest body of one entry. */
  readonly maxEntryBytes: number
  /** Absolute; absent: nothing is kept over a restart. */
  readonly snapshotFile?: string
}

/** What a route wants of the cache: plain data. */
export interface RouteCacheConfig {
  /** Lifetimes of answers that tell none, by ranges of statuses, both ends included; the first that fits counts. */
  readonly ttl: readonly { readonly from: number; readonly to: number; readonly ms: number }[]
  /** RFC 9111 §4.2.2; null: off. */
  readonly heuristic: { readonly share: number; readonly maxMs: number } | null
  readonly keys: KeyRules
  readonly vary: VaryRules
  readonly methods: readonly ('GET' | 'HEAD')[]
  readonly stale: StaleWindows
  /** Coalescing; null: off. */
  readonly lock: { readonly leadMs: number; readonly waitMs: number } | null
  /** Requests that go past the cache: any of these holds. */
  readonly bypass: {
    readonly headers: readonly FieldCondition[]
    readonly cookies: readonly FieldCondition[]
    readonly query: readonly FieldCondition[]
  }
  /** Whether what requests say in Cache-Control counts. */
  readonly requestControl: 'honour' | 'ignore'
  /** Cache-Status holds the key. */
  readonly showKey: boolean
  /** Answers have Cache-Status. */
  readonly showStatus: boolean
}

/** What `cache: true` means. */
export const DEFAULT_ROUTE_CACHE: RouteCacheConfig = {
  ttl: [],
  heuristic: null,
  keys: { query: { kind: 'all' }, sortQuery: false, headers: [], cookies: [] },
  vary: { allow: null, ignore: [] },
  methods: ['GET', 'HEAD'],
  stale: { whileRevalidateMs: 0, ifErrorMs: 0 },
  lock: { leadMs: 10_000, waitMs: 10_000 },
  bypass: { headers: [], cookies: [], query: [] },
  requestControl: 'honour',
  showKey: false,
  showStatus: true,
}
