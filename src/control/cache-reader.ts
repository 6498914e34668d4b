import { controlThread, openCache } from '../cache/cache-memory.js'
import { CacheCounters, type RouteCacheStats } from '../cache/route-counters.js'
import type { EntryStore, StoreStats } from '../cache/store/index.js'
import { counterRows } from '../session/counters.js'
import type { ControlTask } from './control-task.js'

/** The cache in short, as dashboard and `/stats.json` show it. */
export interface CacheSummary {
  /** Share of requests that were answered from memory, of those that were looked up, since the start; 0 before the first. */
  readonly hitRatio: number
  /** Taken by entries. */
  readonly bytes: number
  /** What entries can take at most. */
  readonly capacityBytes: number
  readonly entries: number
}

/** The cache as the control thread sees it: what it holds, and what became of requests. */
export class CacheReader {
  readonly store: EntryStore
  readonly #counters: CacheCounters
  readonly #hasCache: readonly boolean[]

  /**
   * @param former that of a configuration before: the store is the same, and is opened once
   * @returns null where no route has a cache
   */
  static of(task: ControlTask, former: CacheReader | null): CacheReader | null {
    return task.cache === undefined ? null : new CacheReader(task.workers, task.cache, former)
  }

  private constructor(
    workers: number,
    { memory, routes }: NonNullable<ControlTask['cache']>,
    former: CacheReader | null,
  ) {
    this.store = former?.store ?? openCache(memory, controlThread(workers)).store
    this.#counters = new CacheCounters(routes.length, counterRows(workers), memory.counters)
    this.#hasCache = routes.map((route) => route !== null)
  }

  /** Sums since the start, but for what is held at the moment. */
  stats(): StoreStats {
    return this.store.stats()
  }

  /** Sums of a route; null: it has no cache. */
  route(index: number): RouteCacheStats | null {
    return this.#hasCache[index] === true ? this.#counters.of(index) : null
  }

  summary(): CacheSummary {
    let served = 0
    let asked = 0
    for (const route of this.#hasCache.keys()) {
      const stats = this.route(route)
      if (stats === null) continue
      served += stats.hits + stats.stale
      asked += stats.misses
    }
    const { usedBytes, sizeBytes, entries } = this.stats()
    const hitRatio = served === 0 ? 0 : served / (served + asked)
    return { hitRatio, bytes: usedBytes, capacityBytes: sizeBytes, entries }
  }
}
