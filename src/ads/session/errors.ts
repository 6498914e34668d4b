import type { BudgetRefusalReason } from '../../state/index.js'

/** Why a cap refuses: `cap` it is reached; `anonymous` unknown users are blocked (D7); `store-unavailable` nobody can say, and the policy is closed. */
export type CapExceededReason = 'cap' | 'anonymous' | 'store-unavailable'

export interface FrequencyCapExceededOptions {
  readonly reason?: CapExceededReason
  /** Name of the rule that refuses (C-11); empty for the default rule. */
  readonly rule?: string
  readonly count?: number
  readonly max?: number
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

/** The user has had enough of it (B-44). A no-fill at the gateway's edge, not an error status (C-04). */
export class FrequencyCapExceeded extends Error {
  override readonly name = 'FrequencyCapExceeded'
  readonly code = 'HG_FREQUENCY_CAP'
  readonly noFillReason = 'frequency-cap'
  readonly reason: CapExceededReason
  readonly rule: string
  /** Counted and reserved. */
  readonly count: number
  readonly max: number
  /** Until the window frees a place; 0 when that cannot be said. */
  readonly retryAfterMs: number

  constructor(
    readonly userId: string,
    readonly campaignId: string,
    options: FrequencyCapExceededOptions = {},
  ) {
    super(
      `User ${userId} exceeded cap for ${campaignId}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    )
    this.reason = options.reason ?? 'cap'
    this.rule = options.rule ?? ''
    this.count = options.count ?? 0
    this.max = options.max ?? 0
    this.retryAfterMs = options.retryAfterMs ?? 0
  }
}

export type BudgetExceededReason = BudgetRefusalReason | 'store-unavailable'

/** The campaign may not spend this now (B-47). A no-fill at the gateway's edge (C-04). */
export class BudgetExceeded extends Error {
  override readonly name = 'BudgetExceeded'
  readonly code = 'HG_BUDGET_EXCEEDED'
  /** `pacing`: later it may. `currency`: the price is in another one than the budget. */
  readonly noFillReason: 'budget' | 'pacing' | 'currency'

  constructor(
    readonly campaignId: string,
    readonly reason: BudgetExceededReason = 'exhausted',
    options: { readonly cause?: unknown } = {},
  ) {
    super(`Campaign ${campaignId} budget exhausted`, options)
    this.noFillReason = reason === 'paced' ? 'pacing' : reason === 'currency' ? 'currency' : 'budget'
  }
}
