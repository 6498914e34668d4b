import type { AdResult, Upstream } from '../upstream/index.js'
import { CacheMiddleware, type CacheOptions } from './cache-middleware.js'
import { CircuitBreakerMiddleware, type CircuitBreakerOptions } from './circuit-breaker.js'
import { MetricsMiddleware, type MetricsOptions } from './metrics-middleware.js'
import { RateLimitMiddleware, type RateLimitOptions } from './rate-limit.js'
import { RetryMiddleware, type RetryOptions } from './retry-middleware.js'

type Without<Options> = Omit<Options, 'upstream'>

/** Which middlewares, each with its options; `{}` for the defaults. What is not named is not there. */
export interface MiddlewareOptions<Result extends AdResult> {
  readonly metrics?: Without<MetricsOptions<Result>>
  readonly cache?: Without<CacheOptions<Result>>
  readonly retry?: Without<RetryOptions<Result>>
  readonly breaker?: Without<CircuitBreakerOptions<Result>>
  readonly rateLimit?: Without<RateLimitOptions<Result>>
}

/**
 * Wraps an upstream in the one order that is right (F-57): Metrics → Cache → Retry → Breaker → Rate limit → upstream. So hits are measured and pass no
 * breaker, every attempt does, and what the breaker refuses uses up no rate.
 */
export function withMiddleware<Result extends AdResult>(
  upstream: Upstream<Result>,
  options: MiddlewareOptions<Result>,
): Upstream<Result> {
  const { metrics, cache, retry, breaker, rateLimit } = options
  let wrapped = upstream
  if (rateLimit !== undefined) wrapped = new RateLimitMiddleware({ ...rateLimit, upstream: wrapped })
  if (breaker !== undefined) wrapped = new CircuitBreakerMiddleware({ ...breaker, upstream: wrapped })
  if (retry !== undefined) wrapped = new RetryMiddleware({ ...retry, upstream: wrapped })
  if (cache !== undefined) wrapped = new CacheMiddleware({ ...cache, upstream: wrapped })
  if (metrics !== undefined) wrapped = new MetricsMiddleware({ ...metrics, upstream: wrapped })
  return wrapped
}
