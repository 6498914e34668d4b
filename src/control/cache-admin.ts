import type { RouteCacheConfig } from '../cache/cache-config.js'
import { controlThread, openCache } from '../cache/cache-memory.js'
import { CacheCounters, type RouteCacheStats } from '../cache/route-counters.js'
import { keyUrl, PLAIN_KEY, URL_END } from '../cache/rules/index.js'
import type { EntryStore, PurgeMode, StoreStats } from '../cache/store/index.js'
import { counterRows } from '../session/counters.js'
import type { ControlTask } from './control-task.js'
import { type AdminAnswer, type Endpoint, json, text } from './endpoint.js'

/** What `GET /cache` answers: sums since the start, but for what is held at the moment. */
export interface CacheStats {
  readonly store: StoreStats
  readonly routes: readonly ({ readonly route: string } & RouteCacheStats)[]
}

/** The cache in the admin API: numbers and purges, in the control thread, so that no client waits for them. */
export class CacheAdmin {
  readonly #store: EntryStore
  readonly #counters: CacheCounters
  readonly #configs: readonly (RouteCacheConfig | null)[]
  readonly #names: readonly string[]

  /**
   * @param former that of a configuration before: the store is the same, and is opened once
   * @returns null where no route has a cache
   */
  static of(task: ControlTask, former: CacheAdmin | null = null): CacheAdmin | null {
    return task.cache === undefined ? null : new CacheAdmin(task, task.cache, former)
  }

  private constructor(
    { workers, routes: names }: ControlTask,
    cache: NonNullable<ControlTask['cache']>,
    former: CacheAdmin | null,
  ) {
    this.#store = former === null ? openCache(cache.memory, controlThread(workers)).store : former.#store
    this.#counters = new CacheCounters(cache.routes.length, counterRows(workers), cache.memory.counters)
    this.#configs = cache.routes
    // The last row is of requests without a route.
    this.#names = names.slice(0, cache.routes.length)
  }

  endpoints(): Endpoint[] {
    return [
      {
        method: 'GET',
        path: '/cache',
        about: 'what the cache holds and what became of requests, by route',
        answer: () => json(this.stats()),
      },
      {
        method: 'POST',
        path: '/cache/purge',
        about: '?url=…|prefix=…|tag=…[&soft]: removes answers, or makes them stale',
        answer: ({ query }) => this.#purge(query),
      },
    ]
  }

  stats(): CacheStats {
    const routes = this.#names.flatMap((route, index) =>
      this.#configs[index] === null ? [] : [{ route, ...this.#counters.of(index) }],
    )
    return { store: this.#store.stats(), routes }
  }

  #purge(query: URLSearchParams): AdminAnswer {
    const url = query.get('url')
    const prefix = query.get('prefix')
    const tag = query.get('tag')
    const mode: PurgeMode = query.has('soft') ? 'soft' : 'hard'
    const given = [url, prefix, tag].filter((value) => value !== null && value !== '')
    if (given.length !== 1) return text('say one of url, prefix and tag', 400)
    if (tag !== null) return json({ purged: this.#store.purgeTag(tag, mode) })
    if (prefix !== null) {
      const start = keyPrefix(prefix)
      if (start === null) return text('a prefix begins as a URL does: http://example.com/folder/', 400)
      return json({ purged: this.#store.purgePrefix(start, mode) })
    }
    const keys = this.#keysOf(url ?? '')
    if (keys === null) return text('a URL is written in full: http://example.com/path?query', 400)
    let purged = 0
    // With all its variants, and whatever else the keys of a route are made of.
    for (const key of keys) purged += this.#store.purgePrefix(key, mode)
    return json({ purged })
  }

  /** The keys that the routes make of a URL: each may drop and sort parameters in its own way. */
  #keysOf(text: string): ReadonlySet<string> | null {
    const parts = urlParts(text)
    if (parts === null) return null
    const rules = [PLAIN_KEY, ...this.#configs.flatMap((config) => (config === null ? [] : [config.keys]))]
    return new Set(rules.map((rule) => keyUrl(parts, rule) + URL_END))
  }
}

/** Scheme, host and target as they were written, since that is how they stand in keys. */
function urlParts(text: string): { scheme: string; host: string; target: string } | null {
  const match = /^(https?):\/\/([^/?#\s]+)([/?][^#\s]*)?(?:#.*)?$/i.exec(text)
  if (match === null) return null
  const [, scheme = '', host = '', target = '/'] = match
  return { scheme: scheme.toLowerCase(), host, target: target.startsWith('?') ? `/${target}` : target }
}

function keyPrefix(text: string): string | null {
  const parts = urlParts(text)
  return parts === null ? null : keyUrl(parts, PLAIN_KEY)
}
