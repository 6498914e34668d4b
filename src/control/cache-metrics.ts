import type { RouteCacheStats } from '../cache/route-counters.js'
import type { CacheReader } from './cache-reader.js'
import { labelText, type Metric, type Sample } from './metric.js'

/** What became of a request, each once. */
const STATUSES: Readonly<Record<string, (stats: RouteCacheStats) => number>> = {
  hit: ({ hits, collapsed }) => hits - collapsed,
  collapsed: ({ collapsed }) => collapsed,
  stale: ({ stale, rescued }) => stale + rescued,
  revalidated: ({ revalidated }) => revalidated,
  miss: ({ misses, revalidated, rescued }) => misses - revalidated - rescued,
  bypass: ({ bypassed }) => bypassed,
}

/** Metrics of the cache. @param routes their names by index @returns none where no route has a cache */
export function cacheMetrics(cache: CacheReader | null, routes: readonly string[]): Metric[] {
  if (cache === null) return []
  const store = cache.stats()
  const stats = routes.flatMap((route, index) => {
    const found = cache.route(index)
    return found === null ? [] : [{ route, found }]
  })
  const byRoute = (of: (found: RouteCacheStats) => number): Sample[] =>
    stats.map(({ route, found }) => [labelText({ route }), of(found)])
  const one = (value: number): Sample[] => [['', value]]
  const byStatus = stats.flatMap(({ route, found }) =>
    // Counters of other threads move while they are read.
    Object.entries(STATUSES).map(
      ([status, of]): Sample => [labelText({ route, status }), Math.max(0, of(found))],
    ),
  )
  return [
    ['cache_requests_total', 'counter', 'Requests of routes with a cache, by what became of them.', byStatus],
    ['cache_stored_total', 'counter', 'Answers that were stored.', byRoute(({ stored }) => stored)],
    [
      'cache_uncacheable_total',
      'counter',
      'Answers that could not be stored.',
      byRoute(({ uncacheable }) => uncacheable),
    ],
    [
      'cache_background_total',
      'counter',
      'Validations that no client waited for.',
      byRoute(({ background }) => background),
    ],
    ['cache_bytes', 'gauge', 'Memory that stored answers take.', one(store.usedBytes)],
    ['cache_capacity_bytes', 'gauge', 'Memory that they can take at most.', one(store.sizeBytes)],
    ['cache_entries', 'gauge', 'Answers that are stored.', one(store.entries)],
    ['cache_filling', 'gauge', 'Answers that are being stored.', one(store.filling)],
    ['cache_evictions_total', 'counter', 'Answers that made room for others.', one(store.evictions)],
    ['cache_purged_total', 'counter', 'Answers that were purged.', one(store.purged)],
    [
      'cache_aborted_total',
      'counter',
      'Answers of which a part was stored, but did not become whole.',
      one(store.aborted),
    ],
    ['cache_refused_total', 'counter', 'Answers that the store did not take.', one(store.refused)],
    [
      'cache_rebuilds_total',
      'counter',
      'How often the index was made anew behind a worker that died.',
      one(store.rebuilds),
    ],
  ]
}
