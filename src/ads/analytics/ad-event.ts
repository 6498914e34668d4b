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

/** One event of a route that serves ads: `ad_served`, or one that a player reported. On the wire and in logs as it is (D2). */
export interface RouteAdEvent {
  /** `ad_served`, `impression`, `click`, `complete`, `notUsed`, `error` … */
  readonly event_type: string
  readonly campaign_id: string
  readonly ad_id?: string
  /** Joins what was served with what was reported of it. */
  readonly reservation_id?: string
  readonly placement_id?: string
  /** A keyed hash: the same for the same user, and nobody's id. */
  readonly user_hash?: string
  readonly correlator?: string
  readonly request_id?: string
  /** Name of the source, where the route has several. */
  readonly source?: string
  /** What became of a reported event. */
  readonly status?: string
  /** Charged for it, `0.002 USD`. */
  readonly charged?: string
  /** Of the gateway's clock: ms since the epoch. */
  readonly timestamp: number
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
