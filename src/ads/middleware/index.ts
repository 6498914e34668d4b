export { CacheMiddleware, type CacheOptions } from './cache-middleware.js'
export {
  breakerMemory,
  CircuitBreakerMiddleware,
  CircuitBreakerOpen,
  type CircuitBreakerOptions,
} from './circuit-breaker.js'
export { type MiddlewareOptions, withMiddleware } from './compose.js'
export { FallbackUpstream, type WithFallback } from './fallback-upstream.js'
export { MetricsMiddleware, type MetricsOptions, type UpstreamMetrics } from './metrics-middleware.js'
export { RateLimitExceeded, RateLimitMiddleware, type RateLimitOptions } from './rate-limit.js'
export { RetryMiddleware, type RetryOptions } from './retry-middleware.js'
export { WrappedUpstream } from './wrapped-upstream.js'
