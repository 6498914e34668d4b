/** One event of an ad session as it goes on the wire and into logs (D2: snake_case). */
export interface AdEvent {
  /** `impression`, `ad_served`, or the user's own. */
  readonly event_type: string
  readonly ad_id: string
  readonly correlator: string
  readonly request_id?: string
  readonly user_id?: string
  /** Of the context: ms since the epoch. */
  readonly timestamp?: number
  /** Equal for every delivery of the same event: what a receiver drops repetitions by (F-27). */
  readonly idempotency_key: string
}

/** B-34, B-57. */
export interface ImpressionFields {
  readonly adId: string
  readonly correlator: string
  readonly timestamp: number
  readonly requestId?: string
}

/** B-58. */
export interface EventFields {
  readonly eventType: string
  readonly adId: string
  readonly userId: string
  readonly correlator: string
}

/** Where ad sessions report to. May be somebody else's client; a promise is not waited for. */
export interface AnalyticsClient {
  trackImpression(fields: ImpressionFields): void | Promise<void>
  trackEvent(fields: EventFields): void | Promise<void>
}
