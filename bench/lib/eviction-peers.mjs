import { LRUCache } from 'lru-cache'
import { newCache } from 'transitory'
import { createStoreMemory, SharedStore } from '../../dist/cache/store/index.js'

// The caches that bench/micro/cache-index.mjs compares, as functions of one request: a look, and what was not there is stored.

export const HEAD = {
  bornMs: 1,
  storedAtMs: 1,
  freshUntilMs: 1e15,
  staleWhileRevalidateUntilMs: 0,
  staleIfErrorUntilMs: 0,
  lastModifiedMs: 0,
  status: 200,
  flags: 0,
  vary: 0,
  meta: 'content-type: text/html\r\netag: "33a64df5"\r\ncache-control: max-age=600\r\n',
}

/** @returns a function that is given a key and says whether it was there, with its `room`: entries that fit */
export function ours(sizeBytes, body) {
  const store = new SharedStore(createStoreMemory({ sizeBytes, threads: 1 }), 0)
  for (let i = 0; i < (2 * sizeBytes) / Math.max(body.length, 1000); i += 1)
    store.put(`fill ${i}`, HEAD, body)
  const room = store.stats().entries
  store.purgePrefix('', 'hard')
  const request = (key) => {
    const entry = store.find(key)
    if (entry === null) {
      store.put(key, HEAD, body)
      return false
    }
    entry.touch()
    entry.release()
    return true
  }
  return { request, room }
}

/** LRU: lru-cache. */
export function lru(room) {
  const cache = new LRUCache({ max: room })
  const request = (key) => {
    if (cache.get(key) !== undefined) return true
    cache.set(key, true)
    return false
  }
  return { request }
}

/**
 * W-TinyLFU: transitory. It evicts by itself from 1 % above its size on, or after 5 s.
 * @param exact it is told to evict after each put, so that it never holds more than the others: slower
 */
export function tinyLfu(room, exact) {
  const cache = newCache().maxSize(room).build()
  const request = (key) => {
    if (cache.getIfPresent(key) !== null) return true
    cache.set(key, true)
    if (exact) cache.cleanUp()
    return false
  }
  // Ends its timer, which would keep the process.
  return { request, end: () => cache.clear() }
}
