export { BackgroundRuns } from './background-run.js'
export type { ClientPort } from './client-port.js'
export { EntryPump } from './entry-pump.js'
export type { CachedAnswer } from './filter.js'
export { defineFilter, type Filter, type FilterFactory, HOOK_NAMES } from './filter.js'
export { FilterChain } from './filter-chain.js'
export { Mirror, type MirrorEvent } from './mirror.js'
export { Outbound } from './outbound.js'
export {
  type FilterResponse,
  type FilterResult,
  proceed,
  reject,
  respond,
  retry,
  skipRemaining,
} from './results.js'
export type { LifecycleEnv, Route, SessionOutcome } from './route.js'
export { type CacheServices, RouteCache } from './route-cache.js'
export { seesHits } from './sees-hits.js'
export { ownTimingLine } from './server-timing.js'
export { overloaded, requestRefused, workerLost } from './session-errors.js'
export { SessionRun } from './session-run.js'
export type { SessionStart } from './session-start.js'
export type { SessionTrail } from './session-trail.js'
export { cacheStatusLine } from './stored-response.js'
