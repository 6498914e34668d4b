import { DEFAULT_BUDGET } from '../upstream/guard/index.js'
import type { RetryConfig } from '../upstream/guard/types.js'
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
