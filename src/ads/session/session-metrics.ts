/** What a session counts (C-22, C-25). */
export const SESSION_COUNTERS = [
  /** Calls of `request` and `serve`. */
  'total',
  /** Answered with an ad. */
  'success',
  /** Answered without one. */
  'no_fill',
  /** The upstream or the store threw. */
  'failed',
  'capped',
  'over_budget',
  'paced',
  /** Decisions that hold something. */
  'reserved',
  'released',
  /** Impressions counted, late ones included. */
  'committed',
  'late',
  /** Late, and without room in the budget: not charged. */
  'late_refused',
  'duplicates',
  /** Events whose token was refused. */
  'invalid_tokens',
  /** Decisions made without the store. */
  'degraded',
  /** Events that wait for the store to come back. */
  'queued_events',
  /** Events that were given up. */
  'dropped_events',
] as const

export type SessionCounter = (typeof SESSION_COUNTERS)[number]

export type SessionMetricsSnapshot = Readonly<Record<SessionCounter, number>> & {
  /** Of 1; 0 before the first call. */
  readonly success_rate: number
  /** Of all calls, ms. */
  readonly avg_latency_ms: number
}

/** Counters of one session. */
export class SessionMetrics {
  readonly #counts: Record<SessionCounter, number>
  #latencyMs = 0

  constructor() {
    this.#counts = Object.fromEntries(SESSION_COUNTERS.map((name) => [name, 0])) as Record<
      SessionCounter,
      number
    >
  }

  add(counter: SessionCounter, count = 1): void {
    this.#counts[counter] += count
  }

  took(latencyMs: number): void {
    this.#latencyMs += latencyMs
  }

  snapshot(): SessionMetricsSnapshot {
    const { total, success } = this.#counts
    const calls = Math.max(1, total)
    return { ...this.#counts, success_rate: success / calls, avg_latency_ms: this.#latencyMs / calls }
  }
}
