import { type Decision, type StateStore, StateStoreError } from '../../state/index.js'
import { type AdLogger, SILENT } from '../context/ad-logger.js'
import { type CompiledCampaign, isInPaceCurrency } from './campaign-policy.js'
import { BudgetExceeded, FrequencyCapExceeded } from './errors.js'
import { type DecisionWithRules, isEmpty, type Reservation } from './reservation.js'
import type { SessionMetrics } from './session-metrics.js'
import type { UpstreamSessionOptions } from './session-options.js'
import { StoreGuard } from './store-guard.js'

/** Takes decisions about caps and budgets to the store, counts what came of them, and gives back what is not needed. */
export class Reserver {
  readonly #store: StateStore
  readonly #guard: StoreGuard
  readonly #metrics: SessionMetrics
  readonly #logger: AdLogger
  readonly #onBudgetExhausted: ((campaignId: string) => void) | undefined

  constructor(
    options: Pick<UpstreamSessionOptions, 'store' | 'logger' | 'onStoreFailure' | 'onBudgetExhausted'>,
    metrics: SessionMetrics,
  ) {
    this.#store = options.store
    this.#metrics = metrics
    this.#logger = options.logger ?? SILENT
    this.#guard = new StoreGuard(options.store, options.onStoreFailure ?? {}, metrics, this.#logger)
    this.#onBudgetExhausted = options.onBudgetExhausted
  }

  /** Whether the store did not answer the last decision, so that policies decide (C-09). */
  get isDegraded(): boolean {
    return this.#guard.isDown
  }

  /** Reserves for one ad; an empty decision asks nobody. @throws FrequencyCapExceeded, BudgetExceeded */
  async reserve(
    { decision, rules }: DecisionWithRules,
    userId: string,
    { campaignId, price }: Reservation,
    campaign: CompiledCampaign,
    holdMs: number,
  ): Promise<void> {
    if (isEmpty(decision)) return
    if (decision.budgets.length > 0 && !isInPaceCurrency(campaign, price)) {
      this.overBudget(campaignId, 'currency')
      throw new BudgetExceeded(campaignId, 'currency')
    }
    const result = await this.#guard.reserve(decision, { holdMs })
    if (result.granted) {
      this.#metrics.add('reserved')
      return
    }
    if ('unavailable' in result) {
      const { cause } = result
      this.#metrics.add(result.unavailable === 'cap' ? 'capped' : 'over_budget')
      if (result.unavailable === 'budget')
        throw new BudgetExceeded(campaignId, 'store-unavailable', { cause })
      throw new FrequencyCapExceeded(userId, campaignId, { reason: 'store-unavailable', cause })
    }
    const { refusal } = result
    if (refusal.kind === 'budget') {
      // There is a limit, but not one for this currency.
      const reason = refusal.reason === 'no-limit' && campaign.budget !== null ? 'currency' : refusal.reason
      this.overBudget(campaignId, reason)
      throw new BudgetExceeded(campaignId, reason)
    }
    this.#metrics.add('capped')
    const { count, max, retryAfterMs, index } = refusal
    const rule = rules[index]?.name ?? ''
    throw new FrequencyCapExceeded(userId, campaignId, { rule, count, max, retryAfterMs })
  }

  /** A campaign's limit has no room for an ad. */
  overBudget(campaignId: string, reason: BudgetExceeded['reason']): void {
    this.#metrics.add(reason === 'paced' ? 'paced' : 'over_budget')
    if (reason === 'exhausted') this.#onBudgetExhausted?.(campaignId)
  }

  /** What an ad says of its time. Where the store cannot be asked, the configured one holds. */
  async shorten(decision: Decision, holdMs: number): Promise<void> {
    if (isEmpty(decision)) return
    try {
      await this.#store.shorten(decision, holdMs)
    } catch (error) {
      if (!(error instanceof StateStoreError)) throw error
      this.#logger.warn({ err: error }, 'Reservation not shortened: it runs out after the configured time')
    }
  }

  /** Gives back in reverse order (F-10). A store that cannot be asked gives it back itself, in time. */
  async release(decisions: readonly Decision[]): Promise<void> {
    for (const decision of decisions.toReversed()) {
      if (isEmpty(decision)) continue
      try {
        if ((await this.#store.release(decision)) === 'released') this.#metrics.add('released')
      } catch (error) {
        this.#logger.warn({ err: error }, 'Reservation not released: it runs out by itself')
      }
    }
  }
}
