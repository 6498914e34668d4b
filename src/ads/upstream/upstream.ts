import type { Price } from '../../money/index.js'
import { AD_NO_FILL_KINDS } from '../../session/counters.js'
import type { SessionContext } from '../../session/session-context.js'

/** A parameter of a call: becomes part of the query, macros in text substituted before it is encoded (F-19). */
export type ParamValue = string | number | boolean

/** What an upstream is asked with (B-04). Everything is optional. */
export interface UpstreamCall {
  /** Added to the query; overrides the upstream's own defaults by name. */
  readonly params?: Readonly<Record<string, ParamValue>>
  /** Of the ad session: macros are substituted and correlation fields are sent only if it is there (B-22). */
  readonly context?: SessionContext
  /** Field names are compared without case; they override the upstream's own. */
  readonly headers?: Readonly<Record<string, string>>
  /** Ends the call: the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
  /** When the answer is of no use any more, on the gateway's clock (`now()`), ms. Default: the upstream's own timeout. */
  readonly deadlineMs?: number
  /** Absolute URL instead of the configured one. */
  readonly endpoint?: string
}

/** Why there is no ad. Also label of the no-fill metric. */
export const NO_FILL_REASONS = AD_NO_FILL_KINDS

export type NoFillReason = (typeof NO_FILL_REASONS)[number]

/** The least that is known of an ad. */
export interface AdRef {
  readonly id: string
}

/** What an answer says of itself. */
export interface AdTerms {
  /** Of this impression, from a bid; charged where the campaign says so. */
  readonly price?: Price
  /** The impression has to come within, ms: `<Expires>` of VAST (4.3 §3.4), `exp` of a bid (OpenRTB 2.6 §4.2.3). Null: not said. */
  readonly expiryMs?: number | null
}

/** There is an ad. */
export interface Fill<Ad extends AdRef = AdRef> {
  readonly kind: 'fill'
  readonly ad: Ad
  readonly terms?: AdTerms
  /** Told once whether the ad is handed on, as caps and budgets may refuse it after all. A bidder wants to know. */
  readonly decided?: (isServed: boolean) => void
  /** Ads that are shown one after the other, each with an impression of its own (C-12). Default: `ad` alone. */
  readonly units?: readonly Ad[]
}

/** There is none, which is no error (F-11): `ad` is never there (B-32). */
export interface NoFill {
  readonly kind: 'no-fill'
  readonly reason: NoFillReason
  readonly ad?: undefined
}

export type AdResult<Ad extends AdRef = AdRef> = Fill<Ad> | NoFill

/**
 * Whatever can be asked for an ad, or for anything else over a transport (C-13). What wraps an upstream is one itself (B-52).
 * `Result` is `AdResult` or narrower where ads are asked for; caps and analytics rely on `kind` alone.
 */
export interface Upstream<Result = AdResult> {
  /** Stands in logs and metrics. */
  readonly name: string
  /** Whether asking twice does no harm, so that what may have been acted upon is retried (F-24). Default true. */
  readonly isIdempotent?: boolean
  /**
   * Asks once. No-fill is a result.
   * @throws GatewayError (timeout, connect failed, invalid response …), UpstreamStatusError, what middleware adds, or `signal.reason`
   */
  request(call?: UpstreamCall): Promise<Result>
  /** Alias of `request` (B-04, C-13). */
  fetch(call?: UpstreamCall): Promise<Result>
  /** Releases what it holds, its transport included. Idempotent. */
  close(): Promise<void>
  /** Whether it would answer now. Never rejects. */
  healthCheck(): Promise<boolean>
}

/** Gives an upstream its alias. */
export abstract class BaseUpstream<Result = AdResult> implements Upstream<Result> {
  abstract readonly name: string

  abstract request(call?: UpstreamCall): Promise<Result>

  fetch(call?: UpstreamCall): Promise<Result> {
    return this.request(call)
  }

  abstract close(): Promise<void>

  abstract healthCheck(): Promise<boolean>
}
