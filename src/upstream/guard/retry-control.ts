import type { GatewayError } from '../../session/errors.js'
import { GUARD, type GuardMemory } from './layout.js'
import { RetryBudget } from './retry-budget.js'
import type { RetryBudgetConfig, RetryConfig } from './types.js'

export const DEFAULT_BACKOFF = { baseMs: 25, maxMs: 250 } as const
export const DEFAULT_BUDGET: RetryBudgetConfig = { share: 0.2, minPerSecond: 10 }

/** Which failures of an upstream are repeated, when, and how often over all workers. */
export class RetryControl {
  readonly #max: number
  readonly #statuses: ReadonlySet<number> | null
  readonly #backoff: NonNullable<RetryConfig['backoff']>
  readonly #budget: RetryBudget | null
  readonly #memory: GuardMemory
  readonly #random: () => number

  /** @param clock milliseconds. @param random in [0, 1) */
  constructor(config: RetryConfig, memory: GuardMemory, clock: () => number, random: () => number) {
    const { max, on = [], backoff = DEFAULT_BACKOFF, budget = DEFAULT_BUDGET } = config
    this.#max = max
    this.#statuses = on.length === 0 || max === 0 ? null : new Set(on)
    this.#backoff = backoff
    this.#budget = budget === null || max === 0 ? null : new RetryBudget(memory, budget, clock)
    this.#memory = memory
    this.#random = random
  }

  /** A session comes to the upstream. */
  sessionBegins(): void {
    this.#budget?.earn()
  }

  /** Is an answer of this status as good as none, for a session with so many retries behind it? */
  wantsOther(status: number, retryCount: number): boolean {
    return retryCount < this.#max && this.#statuses?.has(status) === true
  }

  /** Takes a retry from the budget; a peer that was not reached has had no load, so trying another costs nothing. */
  allows(error: GatewayError): boolean {
    if (this.#budget === null || isUnreached(error) || this.#budget.take()) return true
    Atomics.add(this.#memory.words, this.#memory.at + GUARD.retryOverflow, 1)
    return false
  }

  /**
   * Wait before a retry, ms: full jitter, so that sessions which failed together do not come back together. None after a refused
   * connection, which says nothing of the other peers. @param retry from 1
   */
  waitMs(error: GatewayError, retry: number): number {
    if (isUnreached(error)) return 0
    const { baseMs, maxMs } = this.#backoff
    return this.#random() * Math.min(maxMs, baseMs * 2 ** (retry - 1))
  }
}

function isUnreached(error: GatewayError): boolean {
  return error.reason === 'connection_refused'
}
