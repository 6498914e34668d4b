export { AdaptiveLimit } from './adaptive-limit.js'
export { Breaker, type BreakerChange, type BreakerPass } from './breaker.js'
export { BREAKER_STATES, type BreakerState, type GuardStats, readGuard } from './guard-stats.js'
export { GUARD, GUARD_WORDS, type GuardMemory, SHARE, SHARE_WORDS, sumOfShares } from './layout.js'
export { logBreakerChange } from './log-breaker-change.js'
export { MAX_SAVED_RETRIES, RetryBudget } from './retry-budget.js'
export { DEFAULT_BACKOFF, DEFAULT_BUDGET, RetryControl } from './retry-control.js'
export { SessionLimit, type Waiter } from './session-limit.js'
export type {
  AdaptiveConfig,
  BreakerConfig,
  GuardConfig,
  LimitConfig,
  RetryBudgetConfig,
  RetryConfig,
} from './types.js'
export { UpstreamGuard, type UpstreamGuardOptions } from './upstream-guard.js'
