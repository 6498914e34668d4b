import type { Filter } from './filter.js'
import type { HookName } from './filter-chain.js'

/** Hooks that every session has to pass, or that decide about hits. */
const SEEING: readonly HookName[] = [
  'earlyRequestFilter',
  'requestFilter',
  'requestCacheFilter',
  'cacheKey',
  'cacheHitFilter',
  'responseFilter',
  'responseBodyFilter',
  'logging',
]

/** Must a filter see hits? Where none of a route's must, the acceptor answers them without a worker (design §4). */
export function seesHits(filter: Filter): boolean {
  return SEEING.some((hook) => filter[hook] !== undefined)
}
