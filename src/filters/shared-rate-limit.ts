import type { GcraResult } from '../memory/index.js'
import type { RedisRateLimiter, RedisRateLimiterOptions } from '../state/redis/rate-limiter.js'

/** What becomes of requests while Redis gives no answer: each process counts by itself, all pass, or none does. */
export type OnRedisFailure = 'local' | 'open' | 'closed'

/** Where limits of many machines are kept. */
export interface SharedRateOptions
  extends Pick<RedisRateLimiterOptions, 'url' | 'cluster' | 'prefix' | 'timeoutMs'> {
  readonly onFailure: OnRedisFailure
}

export type TakeLocally = (key: string, intervalUs: number, toleranceUs: number) => GcraResult

/** Who is told when Redis is lost and found again. */
export interface RateLimitLog {
  warn(message: string): void
}

/** One connection for all limits of a thread that are kept at the same place. */
const limiters = new Map<string, Promise<RedisRateLimiter>>()

function limiterOf(options: Omit<SharedRateOptions, 'onFailure'>): Promise<RedisRateLimiter> {
  const place = JSON.stringify(options)
  const known = limiters.get(place)
  if (known !== undefined) return known
  // Only where it is needed: the client is a lot to load.
  const made = import('../state/redis/rate-limiter.js').then((it) => new it.RedisRateLimiter(options))
  limiters.set(place, made)
  return made
}

/** Asks Redis, and does as it is told when Redis does not answer. */
export class SharedRateLimit {
  readonly #limiter: RedisRateLimiter
  readonly #onFailure: OnRedisFailure
  readonly #local: TakeLocally
  readonly #log: RateLimitLog | undefined
  #isLost = false

  private constructor(
    limiter: RedisRateLimiter,
    onFailure: OnRedisFailure,
    local: TakeLocally,
    log: RateLimitLog | undefined,
  ) {
    this.#limiter = limiter
    this.#onFailure = onFailure
    this.#local = local
    this.#log = log
  }

  /** @param local what counts in this process alone */
  static async create(
    options: SharedRateOptions,
    local: TakeLocally,
    log?: RateLimitLog,
  ): Promise<SharedRateLimit> {
    const { onFailure, ...place } = options
    return new SharedRateLimit(await limiterOf(place), onFailure, local, log)
  }

  /** @returns null: nobody could be asked, and none may pass */
  async take(key: string, intervalUs: number, toleranceUs: number): Promise<GcraResult | null> {
    try {
      const result = await this.#limiter.take(key, intervalUs, toleranceUs)
      if (this.#isLost) {
        this.#isLost = false
        this.#log?.warn('rate limits are counted in Redis again')
      }
      return result
    } catch (error) {
      if (!this.#isLost) {
        this.#isLost = true
        const reason = error instanceof Error ? error.message : String(error)
        this.#log?.warn(`rate limits cannot be counted in Redis (onFailure: ${this.#onFailure}): ${reason}`)
      }
      if (this.#onFailure === 'local') return this.#local(key, intervalUs, toleranceUs)
      return this.#onFailure === 'open' ? { allowed: true, aheadUs: 0 } : null
    }
  }
}
