import { setTimeout as sleep } from 'node:timers/promises'
import { GatewayError, MaxRetriesExceeded } from '../../session/errors.js'
import { now } from '../../time/index.js'
import type { Upstream, UpstreamCall } from '../upstream/index.js'
import { WrappedUpstream } from './wrapped-upstream.js'

export interface RetryOptions<Result> {
  readonly upstream: Upstream<Result>
  /** Retries after the first attempt (D4). Default 3. */
  readonly maxRetries?: number
  /** Longest wait before the first retry, doubled with each; the wait itself is drawn from 0 to there (full jitter, F-50). Default 25 ms. */
  readonly baseMs?: number
  /** Default 1,000 ms. */
  readonly maxMs?: number
  /** Retries that each request earns, so that retries never multiply the traffic of an outage. Default 0.2; 1 = no bound worth the name. */
  readonly budgetShare?: number
  /** Retries that may be made on top of what was earned, once. Default 10. */
  readonly budgetReserve?: number
  readonly random?: () => number
  readonly sleep?: (delayMs: number, signal: AbortSignal | undefined) => Promise<void>
}

/** Earned retries that are kept for bad times. */
const MOST_SAVED = 100

/**
 * Asks again when that is safe and may help (B-52…B-54, F-24): what was never sent always, what may have been acted upon only if the upstream is
 * idempotent; no 4xx, no answer that cannot be read, no no-fill, nothing behind the deadline of the call. Every attempt carries the same
 * context; macros are filled in anew (F-49).
 */
export class RetryMiddleware<Result> extends WrappedUpstream<Result> {
  readonly #options: RetryOptions<Result>
  #saved: number

  constructor(options: RetryOptions<Result>) {
    super(options.upstream)
    this.#options = options
    this.#saved = options.budgetReserve ?? 10
  }

  /** @throws MaxRetriesExceeded with the last error as `cause` when all attempts failed; an error that must not be retried as it is */
  async request(call: UpstreamCall = {}): Promise<Result> {
    const { maxRetries = 3, budgetShare = 0.2 } = this.#options
    this.#saved = Math.min(MOST_SAVED, this.#saved + budgetShare)
    for (let retries = 0; ; retries += 1) {
      try {
        return await this.inner.request(call)
      } catch (error) {
        call.signal?.throwIfAborted()
        if (!this.#mayRetry(error)) throw error
        if (retries >= maxRetries) throw maxRetries === 0 ? error : new MaxRetriesExceeded(retries + 1, error)
        const delayMs = this.#delayMs(retries)
        if (call.deadlineMs !== undefined && now() + delayMs >= call.deadlineMs) throw error
        if (this.#saved < 1) throw error
        this.#saved -= 1
        await (this.#options.sleep ?? wait)(delayMs, call.signal)
      }
    }
  }

  #mayRetry(error: unknown): boolean {
    // The guard's refusal will be the same next time.
    if (!(error instanceof GatewayError) || error.reason === 'destination_ip_prohibited') return false
    return error.retry === 'always' || (error.retry === 'idempotent' && this.isIdempotent)
  }

  #delayMs(retries: number): number {
    const { baseMs = 25, maxMs = 1000, random = Math.random } = this.#options
    return random() * Math.min(maxMs, baseMs * 2 ** retries)
  }
}

async function wait(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(delayMs, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : error
  }
}
