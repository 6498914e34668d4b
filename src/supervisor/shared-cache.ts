import {
  ACCEPTOR_THREAD,
  type Cache,
  type CacheMemory,
  createCacheMemory,
  keeperThread,
  openCache,
  workerThread,
} from '../cache/cache-memory.js'
import { CacheKeeper, type SnapshotPlace } from '../cache/keeper/index.js'
import { CacheCounters } from '../cache/route-counters.js'
import type { GatewayConfig } from '../config/types.js'
import type { HitServices } from '../dispatch/index.js'
import type { Logger } from '../logging/index.js'
import { counterRows } from '../session/counters.js'
import { snapshotPlace } from './cache-snapshot.js'

/** The cache of the process: made when the first configuration wants one, and kept by those after it. */
export class SharedCache {
  readonly #seats: number
  #config: GatewayConfig['cache']
  #memory: CacheMemory | null = null
  #cache: Cache | null = null
  #keeper: CacheKeeper | null = null
  /** What a snapshot held is taken, once. */
  #warmed: Promise<void> | null = null

  readonly #logger: Logger

  /** @param seats of workers */
  constructor(seats: number, logger: Logger) {
    this.#seats = seats
    this.#logger = logger
  }

  /** Why a configuration cannot have the cache that there is; empty: it can. One sentence each. */
  refusals({ cache }: GatewayConfig): string[] {
    const own = this.#config
    if (cache === undefined || own === undefined) return []
    if (cache.sizeBytes === own.sizeBytes && cache.maxEntryBytes === own.maxEntryBytes) return []
    return [`'cache' (its memory) cannot change without a restart`]
  }

  /**
   * The memory with counters for these routes.
   * @param former what a configuration with the same routes has; null: there is none
   * @returns null where no route has a cache
   */
  memoryFor(config: GatewayConfig, former: CacheMemory | null): CacheMemory | null {
    if (config.cache === undefined) return null
    if (former !== null) return former
    const [rows, routes] = [counterRows(this.#seats), config.routes.length]
    if (this.#memory === null) {
      this.#config = config.cache
      this.#memory = createCacheMemory(config.cache, this.#seats, routes, rows)
      this.#cache = openCache(this.#memory, ACCEPTOR_THREAD)
      this.#keeper = new CacheKeeper(this.#memory.store, keeperThread(this.#seats), this.#cache.store)
      return this.#memory
    }
    return { ...this.#memory, counters: new CacheCounters(routes, rows).buffer }
  }

  /** What the acceptor's thread serves hits with. */
  hits({ counters }: CacheMemory, config: GatewayConfig): HitServices | null {
    const cache = this.#cache
    if (cache === null) return null
    const row = new CacheCounters(config.routes.length, counterRows(this.#seats), counters).row(0)
    return { store: cache.store, count: (route, event) => row.add(route, event) }
  }

  /**
   * Puts in order what the thread of a worker has left behind; to be awaited before another takes its seat. What takes long of it is not done in
   * this thread, which is the acceptor's.
   */
  async forget(seat: number): Promise<void> {
    const thread = workerThread(seat)
    if (this.#cache?.store.diedAmidst(thread)) await this.#keeper?.forget(thread)
    else await this.#cache?.store.forget(thread)
    await this.#cache?.locks.forget(thread)
  }

  /** Begins to take what the snapshot of an earlier process holds; the gateway serves meanwhile. Only the first time there is something to do. */
  warm(config: GatewayConfig): void {
    const place = snapshotPlace(config)
    if (this.#keeper === null || place === null || this.#warmed !== null) return
    this.#warmed = this.#load(this.#keeper, place)
  }

  /** Writes the snapshot that the configuration wants. To be called when nobody stores any more. */
  async save(config: GatewayConfig): Promise<void> {
    const place = snapshotPlace(config)
    if (this.#keeper === null || place === null) return
    await this.#warmed
    const { file } = place
    try {
      const saved = await this.#keeper.save(place)
      this.#logger.info({ file, ...saved }, 'the cache was written for the next start')
    } catch (error) {
      this.#logger.error({ file, err: error }, 'the cache could not be written: the next start has nothing')
    }
  }

  async #load(keeper: CacheKeeper, place: SnapshotPlace): Promise<void> {
    const { file } = place
    try {
      const { kind, ...loaded } = await keeper.load(place)
      const fields = { file, ...loaded }
      if (kind === 'taken')
        this.#logger.info(fields, 'the cache starts with what was written at the last drain')
      else if (kind === 'other')
        this.#logger.info(
          fields,
          'what was written at the last drain is not used: routes or upstreams were others',
        )
      else if (kind === 'damaged')
        this.#logger.warn(
          fields,
          'the snapshot of the cache is damaged: it was moved aside, and what is missing is fetched',
        )
    } catch (error) {
      this.#logger.error(
        { file, err: error },
        'the snapshot of the cache could not be read: the cache starts empty',
      )
    }
  }
}
