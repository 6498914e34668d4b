import { GatewayError } from '../../session/errors.js'
import { now } from '../../time/index.js'
import type { Upstream, UpstreamCall } from '../upstream/index.js'
import { WrappedUpstream } from './wrapped-upstream.js'

/** More requests came than an upstream may be asked: 503 with the time after which there is room. */
export class RateLimitExceeded extends GatewayError {
  override readonly name = 'RateLimitExceeded'

  constructor(upstream: string, retryAfterMs: number) {
    super(`the rate limit of '${upstream}' is used up`, {
      code: 'HG_OVERLOADED',
      status: 503,
      reason: 'connection_limit_reached',
      source: 'internal',
      retryAfterS: Math.max(1, Math.ceil(retryAfterMs / 1000)),
    })
  }
}

export interface RateLimitOptions<Result> {
  readonly upstream: Upstream<Result>
  /** Requests a second, over all keys. Default 100. */
  readonly perSecond?: number
  /** Requests that may come at once. Default: those of a second. */
  readonly burst?: number
  /** What else is limited by itself, a user say; null: only the whole counts. Default: nothing. */
  readonly key?: (call: UpstreamCall) => string | null
  /** Requests a second of each key. Default 50. */
  readonly perKeyPerSecond?: number
  /** Keys that are remembered; the one that was idle longest is forgotten. Default 10,000. */
  readonly maxKeys?: number
  /** ms. Default `now`. */
  readonly clock?: () => number
}

/** Bounds how often an upstream is asked by this thread (C-15): a token bucket for the whole, and one for each key. */
export class RateLimitMiddleware<Result> extends WrappedUpstream<Result> {
  readonly #options: RateLimitOptions<Result>
  readonly #clock: () => number
  readonly #whole: TokenBucket
  readonly #buckets = new Map<string, TokenBucket>()

  constructor(options: RateLimitOptions<Result>) {
    super(options.upstream)
    this.#options = options
    this.#clock = options.clock ?? now
    const { perSecond = 100, burst = perSecond } = options
    this.#whole = new TokenBucket(perSecond, burst, this.#clock())
  }

  /** @throws RateLimitExceeded */
  async request(call: UpstreamCall = {}): Promise<Result> {
    const key = this.#options.key?.(call) ?? null
    const atMs = this.#clock()
    const own = key === null ? null : this.#bucket(key, atMs)
    const waitMs = Math.max(own?.waitMs(atMs) ?? 0, this.#whole.waitMs(atMs))
    if (waitMs > 0) throw new RateLimitExceeded(this.name, waitMs)
    own?.take()
    this.#whole.take()
    return await this.inner.request(call)
  }

  #bucket(key: string, atMs: number): TokenBucket {
    const { perKeyPerSecond = 50, maxKeys = 10_000 } = this.#options
    const bucket = this.#buckets.get(key) ?? new TokenBucket(perKeyPerSecond, perKeyPerSecond, atMs)
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    if (this.#buckets.size > maxKeys) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest)
        break
      }
    }
    return bucket
  }
}

class TokenBucket {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #filledMs: number

  constructor(perSecond: number, burst: number, atMs: number) {
    if (!(perSecond > 0) || !(burst >= 1)) throw new RangeError('a rate limit must let something through')
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#tokens = burst
    this.#filledMs = atMs
  }

  /** 0: there is a token. */
  waitMs(atMs: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, atMs - this.#filledMs) * this.#perMs)
    this.#filledMs = atMs
    return this.#tokens >= 1 ? 0 : (1 - this.#tokens) / this.#perMs
  }

  take(): void {
    this.#tokens -= 1
  }
}
