import type { RouteCacheConfig } from '../cache/cache-config.js'
import type { RouteCacheStats } from '../cache/route-counters.js'
import { keyUrl, PLAIN_KEY, URL_END } from '../cache/rules/index.js'
import type { PurgeMode, StoreStats } from '../cache/store/index.js'
import type { CacheReader } from './cache-reader.js'
import type { ControlTask } from './control-task.js'
import { type AdminAnswer, type Endpoint, json, text } from './endpoint.js'

/** What `GET /cache` answers: sums since the start, but for what is held at the moment. */
export interface CacheStats {
  readonly store: StoreStats
  readonly routes: readonly ({ readonly route: string } & RouteCacheStats)[]
}

/** The cache in the admin API: numbers and purges, in the control thread, so that no client waits for them. */
export class CacheAdmin {
  readonly #reader: CacheReader
  readonly #configs: readonly (RouteCacheConfig | null)[]
  readonly #names: readonly string[]

  /** @returns null where no route has a cache */
  static of({ cache, routes }: ControlTask, reader: CacheReader | null): CacheAdmin | null {
    return cache === undefined || reader === null ? null : new CacheAdmin(cache.routes, routes, reader)
  }

  private constructor(
    configs: readonly (RouteCacheConfig | null)[],
    names: readonly string[],
    reader: CacheReader,
  ) {
    this.#reader = reader
    this.#configs = configs
    // The last row is of requests without a route.
    this.#names = names.slice(0, configs.length)
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
    const routes = this.#names.flatMap((route, index) => {
      const stats = this.#reader.route(index)
      return stats === null ? [] : [{ route, ...stats }]
    })
    return { store: this.#reader.stats(), routes }
  }

  #purge(query: URLSearchParams): AdminAnswer {
    const { store } = this.#reader
    const url = query.get('url')
    const prefix = query.get('prefix')
    const tag = query.get('tag')
    const mode: PurgeMode = query.has('soft') ? 'soft' : 'hard'
    const given = [url, prefix, tag].filter((value) => value !== null && value !== '')
    if (given.length !== 1) return text('say one of url, prefix and tag', 400)
    if (tag !== null) return json({ purged: store.purgeTag(tag, mode) })
    if (prefix !== null) {
      const start = keyPrefix(prefix)
      if (start === null) return text('a prefix begins as a URL does: http://example.com/folder/', 400)
      return json({ purged: store.purgePrefix(start, mode) })
    }
    const keys = this.#keysOf(url ?? '')
    if (keys === null) return text('a URL is written in full: http://example.com/path?query', 400)
    let purged = 0
    // With all its variants, and whatever else the keys of a route are made of.
    for (const key of keys) purged += store.purgePrefix(key, mode)
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
