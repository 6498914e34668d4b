import { DEFAULT_BUDGET } from '../upstream/guard/index.js'
import type { BreakerConfig, LimitConfig, RetryConfig } from '../upstream/guard/types.js'
import type { ParsedConfig } from './schema.js'

type ParsedUpstream = ParsedConfig['upstreams'][string]

export function resolveRetries({ retries }: ParsedUpstream): RetryConfig {
  const { max, on, backoff, budget } = retries
  return {
    max,
    on: [...new Set(on)],
    backoff: { baseMs: backoff.base, maxMs: Math.max(backoff.base, backoff.max) },
    budget: typeof budget === 'number' ? { ...DEFAULT_BUDGET, share: budget } : budget,
  }
}

/** What is configured of limits and breaker. */
export function resolveBounds({ limits, concurrency, breaker }: ParsedUpstream): {
  readonly limits?: LimitConfig
  readonly breaker?: BreakerConfig
} {
  return {
    ...((limits !== undefined || concurrency !== undefined) && { limits: limitsOf(limits, concurrency) }),
    ...(breaker !== undefined && { breaker: breakerOf(breaker) }),
  }
}

function limitsOf(limits: ParsedUpstream['limits'], concurrency: ParsedUpstream['concurrency']): LimitConfig {
  const { maxPending, pendingTimeout: pendingMs } = limits ?? DEFAULT_QUEUE
  if (concurrency === undefined) return { maxConnections: limits?.maxConnections ?? 0, maxPending, pendingMs }
  const { max, min, initial, tolerance, window: windowMs } = concurrency.adaptive
  const most = Math.min(max, limits?.maxConnections ?? max)
  const least = Math.min(min, most)
  const first = Math.max(least, Math.min(initial, most))
  const adaptive = { min: least, max: most, initial: first, tolerance, windowMs }
  return { maxConnections: most, maxPending, pendingMs, adaptive }
}

function breakerOf(parsed: NonNullable<ParsedUpstream['breaker']>): BreakerConfig {
  const { failures = 0, errorShare, minRequests, window, open, halfOpen } = parsed
  // One that says nothing goes by the share.
  const share = errorShare ?? (failures === 0 ? DEFAULT_ERROR_SHARE : 0)
  return { failures, errorShare: share, minRequests, windowMs: window, openMs: open, halfOpen }
}

const DEFAULT_ERROR_SHARE = 0.5
/** Of `limits`, where the section is absent. */
const DEFAULT_QUEUE = { maxPending: 1024, pendingTimeout: 1000 }
