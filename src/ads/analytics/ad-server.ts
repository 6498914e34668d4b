import type { SessionContext } from '../../session/session-context.js'
import { isAllowed } from '../consent/index.js'
import { type AdLogger, SILENT } from '../context/ad-logger.js'
import { claimContext, endContext } from '../context/stale-context.js'
import { ANONYMOUS, getUserIdFromCookies } from '../context/user-id.js'
import type { AdResult, Upstream, UpstreamCall } from '../upstream/index.js'
import type { AnalyticsClient } from './ad-event.js'
import { loggedAdRequest } from './logged-request.js'

/**
 * Serves ads with the whole session tracked (B-57, B-58): ask, report the impression, report the interaction, answer. Reporting is never
 * waited for, and its failures are logged only (F-27). A no-fill reports nothing.
 */
export class AdServer<Result extends AdResult> {
  readonly #upstream: Upstream<Result>
  readonly #analytics: AnalyticsClient
  readonly #logger: AdLogger

  constructor(upstream: Upstream<Result>, analytics: AnalyticsClient, logger: AdLogger = SILENT) {
    this.#upstream = upstream
    this.#analytics = analytics
    this.#logger = logger
  }

  /** @param context of this request alone. @throws what the upstream throws, StaleContextError in development */
  async serveAd(
    context: SessionContext,
    placementId: string,
    call: Omit<UpstreamCall, 'context'> = {},
  ): Promise<Result> {
    claimContext(context, {})
    try {
      const result = await loggedAdRequest(this.#upstream, context, placementId, this.#logger, call)
      if (result.kind === 'fill') {
        const { id: adId } = result.ad
        const { requestId, correlator, timestamp } = context
        this.#report(
          () => this.#analytics.trackImpression({ adId, requestId, correlator, timestamp }),
          context,
        )
        this.trackUserInteraction(context, adId)
      }
      return result
    } finally {
      endContext(context)
    }
  }

  /** Reports `ad_served` for the user, `anonymous` without consent to be known. */
  trackUserInteraction(context: SessionContext, adId: string): void {
    const userId = isAllowed(context, 'useIds') ? getUserIdFromCookies(context.cookies) : ANONYMOUS
    const { correlator } = context
    this.#report(
      () => this.#analytics.trackEvent({ eventType: 'ad_served', adId, userId, correlator }),
      context,
    )
  }

  #report(track: () => void | Promise<void>, context: SessionContext): void {
    const failed = (err: unknown): void =>
      this.#logger.warn({ request_id: context.requestId, err }, 'an analytics event could not be reported')
    try {
      Promise.resolve(track()).catch(failed)
    } catch (err) {
      failed(err)
    }
  }
}
