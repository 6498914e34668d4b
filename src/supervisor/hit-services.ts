import type { Cache, CacheMemory } from '../cache/cache-memory.js'
import { CacheCounters } from '../cache/route-counters.js'
import type { GatewayConfig } from '../config/types.js'
import type { HitServices } from '../dispatch/index.js'
import type { HistogramStore } from '../histograms/index.js'
import { counterRows } from '../session/counters.js'

/** What the acceptor's thread serves hits with. @param cache opened in that thread */
export function hitServices(
  cache: Cache,
  memory: CacheMemory,
  config: GatewayConfig,
  histograms: HistogramStore,
): HitServices {
  const workers = config.workers.count
  const counts = new CacheCounters(config.routes.length, counterRows(workers), memory.counters).row(0)
  const recorder = histograms.recorder(workers)
  return {
    store: cache.store,
    count: (route, event) => counts.add(route, event),
    // It has waited in no queue and been at no upstream: those two phases know nothing of it.
    record: (route, totalMs) => recorder.record(route, 'total', totalMs),
  }
}
