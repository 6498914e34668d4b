import { createHash } from 'node:crypto'
import type { AdEvent, AnalyticsClient, EventFields, ImpressionFields } from './ad-event.js'
import type { EventQueue } from './event-queue.js'

/** Reports into a queue: no ad waits for it, and no outage of it is one of ads (F-27). */
export class QueuedAnalytics implements AnalyticsClient {
  readonly #queue: EventQueue<AdEvent>

  constructor(queue: EventQueue<AdEvent>) {
    this.#queue = queue
  }

  trackImpression({ adId, correlator, timestamp, requestId }: ImpressionFields): void {
    this.#queue.push({
      event_type: 'impression',
      ad_id: adId,
      correlator,
      ...(requestId === undefined ? {} : { request_id: requestId }),
      timestamp,
      idempotency_key: keyOf(correlator, 'impression', adId),
    })
  }

  trackEvent({ eventType, adId, userId, correlator }: EventFields): void {
    this.#queue.push({
      event_type: eventType,
      ad_id: adId,
      user_id: userId,
      correlator,
      idempotency_key: keyOf(correlator, eventType, adId),
    })
  }
}

/** One event of one ad of one request. */
function keyOf(correlator: string, eventType: string, adId: string): string {
  return createHash('sha256')
    .update(JSON.stringify([correlator, eventType, adId]))
    .digest('hex')
    .slice(0, 32)
}
