import type { GatewayError } from '../session/errors.js'
import type { BreakerPass, Upstream, Waiter } from '../upstream/index.js'
import type { Attempt } from './attempt.js'
import { breakerOpen } from './session-errors.js'

/** The way of one session past the breaker and the limit of its upstream, one attempt after the other. */
export class Passage {
  readonly #upstream: Upstream
  /** Of the attempt that is to be made, or under way and not answered. */
  #pass: BreakerPass | null = null
  #waiter: Waiter | null = null

  constructor(upstream: Upstream) {
    this.#upstream = upstream
  }

  /** Further attempts would be refused. */
  get isShut(): boolean {
    return this.#upstream.guard.breaker?.isShut ?? false
  }

  /** An attempt is to be made. @returns why not */
  enter(): GatewayError | null {
    const { guard, config } = this.#upstream
    if (guard.breaker === null || this.#pass !== null) return null
    this.#pass = guard.breaker.enter()
    return this.#pass === null ? breakerOpen(config.name, guard.breaker.retryAfterMs) : null
  }

  /** Queues, if it was the limit of the upstream that left no place. @returns false if it was not, or the queue is full */
  wait(onPlace: () => void, onExpired: (error: GatewayError) => void): boolean {
    const { guard, peers, config } = this.#upstream
    if (!peers.isFull || guard.limit === null) return false
    this.#abandon()
    const error = peers.refusal(config.name, null)
    const waiter = guard.limit.wait(
      () => {
        this.#waiter = null
        onPlace()
      },
      () => {
        this.#waiter = null
        onExpired(error)
      },
    )
    this.#waiter = waiter
    return waiter !== null
  }

  /** A final response head has come. @param latencyMs since the request was sent */
  answered(status: number, latencyMs: number): void {
    const { breaker, limit } = this.#upstream.guard
    const adaptive = limit?.adaptive ?? null
    if (adaptive !== null) {
      if (isRefusal(status)) adaptive.dropped()
      else adaptive.answered(latencyMs)
    }
    const pass = this.#pass
    if (pass === null) return
    this.#pass = null
    // What `gatewayErrors` of ejection are.
    if (status >= 502 && status <= 504) breaker?.failed(pass)
    else breaker?.passed(pass)
  }

  /** The attempt has ended with an error, perhaps behind its head. */
  failed(attempt: Attempt, error: GatewayError): void {
    const isTheirs = error.source === 'upstream' && !attempt.lostRace(error)
    if (isTheirs) this.#upstream.guard.limit?.adaptive?.dropped()
    const pass = this.#pass
    if (pass === null) return
    if (!isTheirs) {
      this.#abandon()
      return
    }
    this.#pass = null
    this.#upstream.guard.breaker?.failed(pass)
  }

  /** The session goes. */
  leave(): void {
    this.#abandon()
    if (this.#waiter === null) return
    this.#upstream.guard.limit?.leave(this.#waiter)
    this.#waiter = null
  }

  #abandon(): void {
    if (this.#pass === null) return
    this.#upstream.guard.breaker?.abandoned(this.#pass)
    this.#pass = null
  }
}

/** Too much to do, or too late: what a limit is there to prevent. */
function isRefusal(status: number): boolean {
  return status === 503 || status === 504
}
