/** When an attempt that failed is repeated. */
export interface RetryConfig {
  /** Retries after the first attempt (contract D4). */
  readonly max: number
  /** Statuses that are retried when the method is idempotent. Absent: none. */
  readonly on?: readonly number[]
  /** Longest wait before the first retry, doubled with each, up to `maxMs`; 0 = no wait. Absent: the default. */
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number }
  /** Null: no budget. Absent: the default. */
  readonly budget?: RetryBudgetConfig | null
}

export interface RetryBudgetConfig {
  /** Retries for each session, from 0 to 1. */
  readonly share: number
  /** So many retries a second are allowed whatever the share: 0 to 255. */
  readonly minPerSecond: number
}

/** How many sessions an upstream gets at the same time, over all workers. */
export interface LimitConfig {
  /** Sessions at the upstream; 0 = any number. */
  readonly maxConnections: number
  /** Sessions that wait for one of them to end. */
  readonly maxPending: number
  /** Longest wait. */
  readonly pendingMs: number
  /** The number is found out, up to `maxConnections`; absent: it is `maxConnections`. */
  readonly adaptive?: AdaptiveConfig
}

/** Between what an adaptive limit moves, and when. */
export interface AdaptiveConfig {
  readonly min: number
  readonly max: number
  /** Where it begins. */
  readonly initial: number
  /** Factor by which answers may take longer than normal before it shrinks. */
  readonly tolerance: number
  readonly windowMs: number
}

/** When an upstream is left alone. */
export interface BreakerConfig {
  /** Failed attempts within the window that open it; 0 = their number does not count. */
  readonly failures: number
  /** Share of failed attempts that opens it, from 0 to 1; 0 = the share does not count. */
  readonly errorShare: number
  /** The share counts from so many attempts in the window on. */
  readonly minRequests: number
  readonly windowMs: number
  /** How long it stays open. */
  readonly openMs: number
  /** Probes in a row that must pass until it closes. */
  readonly halfOpen: number
}

export interface GuardConfig {
  readonly retries: RetryConfig
  readonly limits?: LimitConfig
  readonly breaker?: BreakerConfig
}
