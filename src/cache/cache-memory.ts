import { SharedBell } from '../memory/index.js'
import type { CacheMemoryConfig } from './cache-config.js'
import { createLeadMemory, type LockTable, SharedLeads } from './lock/index.js'
import { CacheCounters } from './route-counters.js'
import { createStoreMemory, type EntryStore, SharedStore, type StoreMemory } from './store/index.js'

/** What the threads share of the cache. Plain data. */
export interface CacheMemory {
  readonly store: StoreMemory
  readonly leads: SharedArrayBuffer
  /** Of {@link CacheCounters}. */
  readonly counters: SharedArrayBuffer
}

/** The cache as one thread sees it. */
export interface Cache {
  readonly store: EntryStore
  readonly locks: LockTable
}

/** Number of the acceptor's thread in the store; workers follow, in order, then the control thread, and last the keeper's. */
export const ACCEPTOR_THREAD = 0

export function workerThread(worker: number): number {
  return worker + 1
}

export function controlThread(workers: number): number {
  return workers + 1
}

/** Of the threads of the `CacheKeeper`, of which there is one at a time. */
export function keeperThread(workers: number): number {
  return workers + 2
}

/** @param rows of counters, as of `counterRows` */
export function createCacheMemory(
  config: CacheMemoryConfig,
  workers: number,
  routes: number,
  rows: number,
): CacheMemory {
  const { sizeBytes, maxEntryBytes } = config
  return {
    store: createStoreMemory({ sizeBytes, maxEntryBytes, threads: workers + 3 }),
    leads: createLeadMemory(),
    counters: new CacheCounters(routes, rows).buffer,
  }
}

/** Opens the cache in a thread. @param thread its number, which no other has at the time */
export function openCache(memory: CacheMemory, thread: number): Cache {
  const bell = new SharedBell(memory.store.bells, thread)
  return {
    store: new SharedStore(memory.store, thread, bell),
    locks: new SharedLeads(memory.leads, thread, bell),
  }
}
