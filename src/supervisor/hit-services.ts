import type { Cache, CacheMemory } from '../cache/cache-memory.js'
import { CacheCounters } from '../cache/route-counters.js'
import type { GatewayConfig } from '../config/types.js'
import type { HitServices } from '../dispatch/index.js'
import { counterRows } from '../session/counters.js'

/** What the acceptor's thread serves hits with. @param cache opened in that thread */
export function hitServices(cache: Cache, memory: CacheMemory, config: GatewayConfig): HitServices {
  const workers = config.workers.count
  const counts = new CacheCounters(config.routes.length, counterRows(workers), memory.counters).row(0)
  return {
    store: cache.store,
    count: (route, event) => counts.add(route, event),
  }
}
