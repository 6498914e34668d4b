import type { Amount } from '../money/index.js'

/** How a cap forgets. Times are milliseconds of the store's clock. */
export type CapWindow =
  /** Opens with the first counted event and lasts `windowMs`; later events do not lengthen it (B-46, F-04). */
  | { readonly kind: 'fixed'; readonly windowMs: number }
  /** Every event counts for `windowMs` of its own. */
  | { readonly kind: 'rolling'; readonly windowMs: number }
  /** One bucket of the calendar, as the caller's calendar says: it counts from `startMs` until `endMs`. */
  | { readonly kind: 'calendar'; readonly startMs: number; readonly endMs: number }

/** One frequency cap in a decision. */
export interface CapCheck {
  /** Full key, for example `freq:alice:campaign123`. In a cluster what stands between `{` and `}` decides the node. */
  readonly key: string
  /** Counted and reserved together may not be more. */
  readonly max: number
  readonly window: CapWindow
  /** `reserve` takes a place. `check` only looks: for caps on events of which nobody knows whether they come (clicks). */
  readonly mode: 'reserve' | 'check'
}

/** One budget in a decision. */
export interface BudgetCheck {
  /** Full key, for example `budget:campaign123`. */
  readonly key: string
  /** Where the store keeps the limit as text, `1000.00 USD`; it wins over `limit`. Null: not looked at. */
  readonly limitKey: string | null
  /** Null, and nothing under `limitKey`: refused (D6). */
  readonly limit: Amount | null
  /** May be spent by now, for pacing; null: all of the limit. */
  readonly pace: Amount | null
  readonly cost: Amount
  /** ISO 4217, of all four amounts. */
  readonly currency: string
  /** A budget with an end goes that long after its last change; null: it stays (in Redis 400 days from its last use on). */
  readonly ttlMs: number | null
}

/** What belongs together: all of it is reserved, or nothing is. */
export interface Decision {
  /** Unique; the same id again is the same decision, so a repeated call changes nothing. */
  readonly id: string
  /** Looked at first, in this order (C-03). */
  readonly caps: readonly CapCheck[]
  readonly budgets: readonly BudgetCheck[]
}

export interface ReserveOptions {
  /** After that long without commit or release the places and the money are free again. */
  readonly holdMs: number
  /** Count at once instead of holding. Default false. */
  readonly settle?: boolean
  /** How long the id of a settled decision is remembered. Default `holdMs`. */
  readonly rememberMs?: number
}

export interface CapRefusal {
  readonly kind: 'cap'
  /** Which of `caps`. */
  readonly index: number
  /** Counted and reserved. */
  readonly count: number
  readonly max: number
  /** Until the window frees a place; 0 when reservations are in the way, which may end at any moment. */
  readonly retryAfterMs: number
}

/** `exhausted`: no room in the limit. `paced`: none yet. `no-limit`: there is none (D6). `currency`: the limit or what was spent is in another. */
export type BudgetRefusalReason = 'exhausted' | 'paced' | 'no-limit' | 'currency'

export interface BudgetRefusal {
  readonly kind: 'budget'
  /** Which of `budgets`. */
  readonly index: number
  readonly reason: BudgetRefusalReason
}

export type Refusal = CapRefusal | BudgetRefusal

export type ReserveResult =
  | { readonly granted: true }
  | { readonly granted: false; readonly refusal: Refusal }

export interface CommitOptions {
  /**
   * What to do with money whose reservation has run out: charge it if there is room (default), always, or never. Caps count such an
   * event unless this is `never`: the user did see the ad.
   */
  readonly late?: LatePolicy
  /** How long the id is remembered, so that a second commit is a duplicate. */
  readonly rememberMs: number
}

export type LatePolicy = 'within-limit' | 'always' | 'never'

/**
 * `counted`: the reservation was turned into a count. `late`: there was none any more, and it was counted all the same.
 * `refused`: there was none any more, and money was not charged. `duplicate`: it was settled before; nothing has changed.
 */
export type CommitStatus = 'counted' | 'late' | 'refused' | 'duplicate'

/** `released`; `unknown`: nothing was held under this id; `settled`: it was committed, and stays so. */
export type ReleaseStatus = 'released' | 'unknown' | 'settled'

export interface CapUse {
  /** Events that count now. */
  readonly committed: number
  /** Reservations that are alive. */
  readonly held: number
  /** Until the window frees its oldest place; 0 when there is nothing counted. */
  readonly resetAfterMs: number
}

export interface BudgetUse {
  readonly spent: Amount
  readonly held: Amount
  /** Reservations that hold it. */
  readonly open: number
  /** Of the limit key, else of the check; null when there is neither. */
  readonly limit: Amount | null
  readonly currency: string
}

/**
 * Counters and budgets of all workers, processes and machines. It speaks in decisions, because whoever reads, compares and then
 * writes serves too often under load (F-01, F-02). Every method rejects with {@link StateStoreError} when the store cannot be asked;
 * whether it did its work then is unknown, and asking again with the same id is safe.
 */
export interface StateStore {
  /** `memory`, `lmdb` or `redis`; in logs and metrics. */
  readonly name: string
  /** Keys need hash tags: what is decided together has to lie together. */
  readonly hashTags: boolean
  reserve(decision: Decision, options: ReserveOptions): Promise<ReserveResult>
  commit(decision: Decision, options: CommitOptions): Promise<CommitStatus>
  release(decision: Decision): Promise<ReleaseStatus>
  /** Lets what is held run out after `holdMs` from now, if that is sooner than it would; else, and when nothing is held, changes nothing. */
  shorten(decision: Decision, holdMs: number): Promise<void>
  /** Counts nothing (B-41). In the order asked. */
  capUse(caps: readonly CapCheck[]): Promise<readonly CapUse[]>
  /** In the order asked (C-07). */
  budgetUse(budgets: readonly BudgetCheck[]): Promise<readonly BudgetUse[]>
  /** Writes a limit as text such as `1000.00 USD`; null removes it. */
  setLimit(limitKey: string, limit: string | null): Promise<void>
  /** Frees what has run out now instead of when it is next met. @returns how many reservations that were */
  expire(): Promise<number>
  /** Whether it would answer now. Never rejects. */
  healthCheck(): Promise<boolean>
  /** Idempotent. What was asked before is answered first. */
  close(): Promise<void>
}
