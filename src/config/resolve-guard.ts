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
export function resolveBounds({ limits, breaker }: ParsedUpstream): {
  readonly limits?: LimitConfig
  readonly breaker?: BreakerConfig
} {
  return {
    ...(limits !== undefined && {
      limits: {
        maxConnections: limits.maxConnections,
        maxPending: limits.maxPending,
        pendingMs: limits.pendingTimeout,
      },
    }),
    ...(breaker !== undefined && { breaker: breakerOf(breaker) }),
  }
}

function breakerOf(parsed: NonNullable<ParsedUpstream['breaker']>): BreakerConfig {
  const { failures = 0, errorShare, minRequests, window, open, halfOpen } = parsed
  // One that says nothing goes by the share.
  const share = errorShare ?? (failures === 0 ? DEFAULT_ERROR_SHARE : 0)
  return { failures, errorShare: share, minRequests, windowMs: window, openMs: open, halfOpen }
}

const DEFAULT_ERROR_SHARE = 0.5
