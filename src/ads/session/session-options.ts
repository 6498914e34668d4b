import type { Money, Price } from '../../money/index.js'
import type { LatePolicy, StateStore } from '../../state/index.js'
import type { AdLogger } from '../context/ad-logger.js'
import type { AdResult, Upstream, UpstreamCall } from '../upstream/index.js'
import type { CampaignPolicy } from './campaign-policy.js'
import type { TokenKey } from './event-tokens.js'
import type { Dimension, FrequencyRule } from './frequency-rule.js'
import type { SessionKeys } from './session-keys.js'
import type { StoreFailurePolicy } from './store-guard.js'
import type { AnonymousPolicy } from './subject-of.js'

export interface EventOptions {
  /** The first signs. */
  readonly keys: readonly TokenKey[]
  /** How long an event may be reported after the decision, seconds. Default 86,400. */
  readonly validSeconds?: number
  /** Money of an impression that is reported after its reservation ran out. Default `within-limit`. */
  readonly late?: LatePolicy
}

export interface UpstreamSessionOptions<Result extends AdResult = AdResult> {
  readonly upstream: Upstream<Result>
  readonly store: StateStore
  /** Impressions per user and campaign (B-40). Default 3. */
  readonly frequencyCap?: number
  /** Seconds (B-40). Default 3600. */
  readonly frequencyWindow?: number
  /** Instead of the two above, for campaigns without caps of their own (C-06). */
  readonly rules?: readonly FrequencyRule[]
  /** Campaigns by id. One that is not named here has the default rules, no price and no budget but `defaultBudget`. */
  readonly campaigns?: Readonly<Record<string, CampaignPolicy>>
  /** For campaigns without a limit. Default: none, so they may spend nothing (D6). */
  readonly defaultBudget?: Money | string
  /** Default `session` (D7). */
  readonly anonymousPolicy?: AnonymousPolicy
  /** Default: the seed's layout, with hash tags where the store needs them (D5). */
  readonly keys?: SessionKeys
  readonly onStoreFailure?: StoreFailurePolicy
  /**
   * Signed tokens of events. With it an ad counts when its impression is reported ({@link UpstreamSession.commitEvent}); without it
   * nobody can report one, so it counts when the upstream has answered with an ad (B-45).
   */
  readonly events?: EventOptions
  /** How long a reservation waits for its impression, seconds: 60 on the web, 1800 in video (OpenRTB 2.6 §7.2); less where the ad says so. */
  readonly holdSeconds?: { readonly web?: number; readonly video?: number }
  /** Called when a campaign's budget is used up, to pause it (C-05). */
  readonly onBudgetExhausted?: (campaignId: string) => void
  /** Default: silent. */
  readonly logger?: AdLogger
  /** Milliseconds since the epoch, for calendars and pacing. Default `Date.now`. */
  readonly clock?: () => number
}

/** What a session is asked with. `params.campaign_id` names the campaign where `campaignId` does not (B-43); prices in `params` mean nothing (F-31). */
export interface SessionCall extends UpstreamCall {
  /** Set by whoever configures, never from a client's parameters (F-31). */
  readonly campaignId?: string
  /** Price of this impression, from a bid; wins over the campaign's. */
  readonly cost?: Money
  /** What else is known of the request, for rules; `placement` defaults to `params.placement_id`. */
  readonly dimensions?: Readonly<Partial<Record<Exclude<Dimension, 'user' | 'campaign'>, string>>>
  /** Default `video`. */
  readonly media?: 'web' | 'video'
}

/** One ad of an answer, with its own reservation (F-08). */
export interface ServedUnit {
  /** Place in the answer's `units`. */
  readonly index: number
  readonly adId: string
  readonly reservationId: string
  /** What its impression costs; null: nothing. */
  readonly price: Price | null
  /** As {@link Served.token}, of this ad. */
  token(event: string): string | null
}

/** An answer with what its events need. */
export interface Served<Result> {
  readonly result: Result
  /** What may be shown: those of the answer's ads that have a place under caps and budget, in its order. Empty on a no-fill. */
  readonly units: readonly ServedUnit[]
  /** Of the first ad. Null on a no-fill. */
  readonly reservationId: string | null
  /** What its impression costs; null: nothing. */
  readonly price: Price | null
  /**
   * Token of an event of the first ad, for its URL. Null on a no-fill and for sessions without `events`.
   * @param event `impression`, `click`, `complete`, `notUsed`, `error` or any other name of up to 64 characters
   */
  token(event: string): string | null
}

/** What became of a reported event. */
export type EventStatus =
  /** Counted, and charged if it was an impression with a price. */
  | 'counted'
  /** The same, after the reservation had run out. */
  | 'late'
  /** Too late, and no room in the budget any more: not charged. */
  | 'refused'
  /** It was reported before. */
  | 'duplicate'
  /** Place and money were given back. */
  | 'released'
  /** Genuine, and nothing counts it. */
  | 'recorded'
  /** The store cannot be asked; it is tried again. */
  | 'queued'
  /** The store cannot be asked and too many events wait already. */
  | 'dropped'
  /** The token is not genuine, has expired, or its key is gone. */
  | 'invalid'

export interface EventOutcome {
  readonly status: EventStatus
  /** Absent when the token is invalid. */
  readonly event?: string
  readonly campaignId?: string
  readonly reservationId?: string
  readonly adId?: string
  /** False: nobody may be told of it but the store, since the user may not be measured (TCF Purpose 7). */
  readonly mayMeasure?: boolean
  /** What was charged, when it was an impression with a price that counted. */
  readonly charged?: Price
}
