export { Breaker, type BreakerOptions } from './breaker.js'
export { RedisStore, type RedisStoreOptions } from './redis-store.js'
