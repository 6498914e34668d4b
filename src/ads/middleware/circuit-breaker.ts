import { GatewayError } from '../../session/errors.js'
import { now } from '../../time/index.js'
import {
  Breaker,
  type BreakerChange,
  type BreakerPass,
  GUARD,
  GUARD_WORDS,
  type GuardMemory,
  SHARE_WORDS,
} from '../../upstream/guard/index.js'
import { type Upstream, type UpstreamCall, UpstreamStatusError } from '../upstream/index.js'
import { WrappedUpstream } from './wrapped-upstream.js'

/** An upstream is left alone for a while, because it failed too often: 503. */
export class CircuitBreakerOpen extends GatewayError {
  override readonly name = 'CircuitBreakerOpen'
  readonly upstream: string

  constructor(upstream: string, retryAfterMs: number) {
    super(`the circuit breaker of '${upstream}' is open`, {
      code: 'HG_NO_PEER',
      status: 503,
      reason: 'destination_unavailable',
      source: 'upstream',
      retryAfterS: Math.max(1, Math.ceil(retryAfterMs / 1000)),
    })
    this.upstream = upstream
  }
}

export interface CircuitBreakerOptions<Result> {
  readonly upstream: Upstream<Result>
  /** Failures within the window that open it. Default 5. */
  readonly failures?: number
  /** Default 60,000 ms. */
  readonly windowMs?: number
  /** How long it stays open. Default 30,000 ms. */
  readonly openMs?: number
  /** Probes in a row, one at a time, that must pass until it closes. Default 2. */
  readonly halfOpen?: number
  /** Memory of {@link breakerMemory}, so that all threads agree (F-36). Default: its own. */
  readonly memory?: SharedArrayBuffer
  /** Of this thread among those that share the memory, from 0, and how many there are. */
  readonly worker?: number
  readonly workers?: number
  /** When the memory was made, on the gateway's clock; the same in all threads. Default: now. */
  readonly epochMs?: number
  readonly onChange?: (change: BreakerChange) => void
  /** ms. Default `now`. */
  readonly clock?: () => number
}

/** Memory for one breaker that several threads share. */
export function breakerMemory(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * (GUARD_WORDS + workers * SHARE_WORDS))
}

/** A thread that shared the memory is gone: another one may probe in its place. */
export function releaseBreaker(memory: SharedArrayBuffer, worker: number): void {
  Atomics.compareExchange(new Int32Array(memory), GUARD.breaker, -1 - worker, 1)
}

/** Stops asking an upstream that fails; the breaker is that of the gateway's own upstreams (C-15). */
export class CircuitBreakerMiddleware<Result> extends WrappedUpstream<Result> {
  readonly #breaker: Breaker

  constructor(options: CircuitBreakerOptions<Result>) {
    super(options.upstream)
    const { clock = now, workers = 1, worker = 0 } = options
    const memory: GuardMemory = {
      words: new Int32Array(options.memory ?? breakerMemory(workers)),
      at: 0,
      shares: GUARD_WORDS,
      shareStride: SHARE_WORDS,
      workers,
      worker,
      epochMs: options.epochMs ?? clock(),
    }
    const { failures = 5, windowMs = 60_000, openMs = 30_000, halfOpen = 2, onChange } = options
    const config = { failures, errorShare: 0, minRequests: 0, windowMs, openMs, halfOpen }
    this.#breaker = new Breaker(config, memory, clock, (change) => onChange?.(change))
  }

  /** @throws CircuitBreakerOpen */
  async request(call: UpstreamCall = {}): Promise<Result> {
    const pass = this.#breaker.enter()
    if (pass === null) throw new CircuitBreakerOpen(this.name, this.#breaker.retryAfterMs)
    try {
      const result = await this.inner.request(call)
      this.#breaker.passed(pass)
      return result
    } catch (error) {
      this.#onError(error, pass, call.signal)
      throw error
    }
  }

  override async healthCheck(): Promise<boolean> {
    return !this.#breaker.isShut && (await this.inner.healthCheck())
  }

  /** Only what the upstream is to blame for counts; that the caller left tells nothing of it, and one that refuses a request is well. */
  #onError(error: unknown, pass: BreakerPass, signal: AbortSignal | undefined): void {
    const isItsFault = error instanceof GatewayError && error.source === 'upstream'
    if (signal?.aborted === true || !isItsFault) this.#breaker.abandoned(pass)
    else if (error instanceof UpstreamStatusError && error.retry === 'never') this.#breaker.passed(pass)
    else this.#breaker.failed(pass)
  }
}
