import type { SessionContext } from '../../session/session-context.js'
import { type AdLogger, logsEverything, SILENT } from '../context/ad-logger.js'
import { shortUserId } from '../context/user-id.js'
import type { AdResult } from '../upstream/index.js'
import { BudgetExceeded, FrequencyCapExceeded } from './errors.js'
import { userIdOf } from './subject-of.js'
import type { UpstreamSession } from './upstream-session.js'

export interface ServeAdOptions {
  readonly placementId: string
  readonly campaignId: string
  readonly context: SessionContext
  readonly logger?: AdLogger
}

/**
 * The seed's example (B-50, B-51): an ad under the cap, or null for a default ad or no-fill. Logs `Frequency cap exceeded for user {user_id}`,
 * with the id shortened unless the log is at `debug` (F-29). It does not look before it asks: the decision itself says no.
 */
export async function serveAdWithCap<Result extends AdResult>(
  session: UpstreamSession<Result>,
  { placementId, campaignId, context, logger = SILENT }: ServeAdOptions,
): Promise<Result | null> {
  try {
    return await session.request({
      context,
      campaignId,
      params: { placement_id: placementId, campaign_id: campaignId },
    })
  } catch (error) {
    const request_id = context.requestId
    if (error instanceof FrequencyCapExceeded) {
      const userId = userIdOf(context)
      const shown = logsEverything(logger) ? userId : shortUserId(userId)
      logger.info({ request_id, campaign_id: campaignId }, `Frequency cap exceeded for user ${shown}`)
      return null
    }
    if (error instanceof BudgetExceeded) {
      logger.info({ request_id, campaign_id: campaignId, reason: error.reason }, error.message)
      return null
    }
    throw error
  }
}
