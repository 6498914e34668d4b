import { type Amount, addAmounts, compareAmounts, Money, ZERO } from '../../money/index.js'
import {
  type Decision,
  type ReserveOptions,
  type ReserveResult,
  type StateStore,
  StateStoreError,
} from '../../state/index.js'
import type { AdLogger } from '../context/ad-logger.js'
import type { SessionMetrics } from './session-metrics.js'

/** What happens to a check while the store cannot be asked (C-09, F-12). */
export interface StoreFailurePolicy {
  /** `open` (default): served without counting. `closed`: refused. */
  readonly caps?: 'open' | 'closed'
  /** `closed` (default): refused. `open`: served, and charged when the impression is reported. `allowance`: so much in each campaign, thread and outage. */
  readonly budgets?: 'open' | 'closed' | { readonly allowance: Money }
}

export type GuardedResult =
  | ReserveResult
  | { readonly granted: false; readonly unavailable: 'cap' | 'budget'; readonly cause: StateStoreError }

/** Asks the store, and decides by policy while it does not answer. */
export class StoreGuard {
  readonly #store: StateStore
  readonly #caps: 'open' | 'closed'
  readonly #budgets: 'open' | 'closed' | Money
  readonly #metrics: SessionMetrics
  readonly #logger: AdLogger
  /** Allowed since the store was lost, by key of the budget. */
  readonly #allowed = new Map<string, Amount>()
  #down = false

  /** @throws TypeError for an allowance that is no Money */
  constructor(store: StateStore, policy: StoreFailurePolicy, metrics: SessionMetrics, logger: AdLogger) {
    const { caps = 'open', budgets = 'closed' } = policy
    this.#store = store
    this.#caps = caps
    this.#budgets = typeof budgets === 'string' ? budgets : budgets.allowance
    if (typeof this.#budgets !== 'string' && !Money.isMoney(this.#budgets)) {
      throw new TypeError('the allowance must be Money')
    }
    this.#metrics = metrics
    this.#logger = logger
  }

  /** Whether the store did not answer when it was asked last. */
  get isDown(): boolean {
    return this.#down
  }

  /** @throws only what is no {@link StateStoreError} */
  async reserve(decision: Decision, options: ReserveOptions): Promise<GuardedResult> {
    try {
      const result = await this.#store.reserve(decision, options)
      this.#answered()
      return result
    } catch (error) {
      if (!(error instanceof StateStoreError)) throw error
      return this.#without(decision, options, error)
    }
  }

  async #without(
    decision: Decision,
    options: ReserveOptions,
    cause: StateStoreError,
  ): Promise<GuardedResult> {
    this.#failed(cause)
    const { caps, budgets } = decision
    if (caps.length > 0 && this.#caps === 'closed') return { granted: false, unavailable: 'cap', cause }
    if (budgets.length === 0) return { granted: true }
    if (caps.length > 0 && this.#store.hashTags) {
      // The nodes of a cluster fail one by one: that of the money may be there when that of the user is not.
      try {
        return await this.#store.reserve({ ...decision, caps: [] }, options)
      } catch (error) {
        if (!(error instanceof StateStoreError)) throw error
      }
    }
    return this.#allow(decision) ? { granted: true } : { granted: false, unavailable: 'budget', cause }
  }

  #allow({ budgets }: Decision): boolean {
    const policy = this.#budgets
    if (typeof policy === 'string') return policy === 'open'
    const [first] = budgets
    if (first === undefined || first.currency !== policy.currency) return false
    const wanted = addAmounts(this.#allowed.get(first.key) ?? ZERO, first.cost)
    if (compareAmounts(wanted, policy.toAmount()) > 0) return false
    this.#allowed.set(first.key, wanted)
    return true
  }

  #failed(error: StateStoreError): void {
    this.#metrics.add('degraded')
    if (this.#down) return
    this.#down = true
    const { store, failure, message } = error
    this.#logger.error(
      { store, failure, reason: message, caps: this.#caps, budgets: String(this.#budgets) },
      'State store lost: decisions are made by policy',
    )
  }

  #answered(): void {
    if (!this.#down) return
    this.#down = false
    this.#allowed.clear()
    this.#logger.info({ store: this.#store.name }, 'State store answers again')
  }
}
