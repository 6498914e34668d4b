import { createHmac, randomUUID } from 'node:crypto'
import type { EventsConfig, SinkConfig } from '../../config/types-adserving.js'
import type { SessionContext } from '../../session/session-context.js'
import { now } from '../../time/index.js'
import {
  EventQueue,
  type EventSink,
  HttpBatchSink,
  LogSink,
  RedisStreamSink,
  type RouteAdEvent,
} from '../analytics/index.js'
import { isAllowed } from '../consent/index.js'
import { ANONYMOUS, getUserIdFromCookies } from '../context/index.js'
import type { EventOutcome } from '../session/index.js'
import { HttpTransport } from '../transports/index.js'
import type { AdRouteEnv } from './ad-route.js'
import { streamClient } from './stream-client.js'

/** A worker that stops has two seconds for everything. */
const LONGEST_CLOSE_MS = 1000

/** What a route served. */
export interface ServedAd {
  readonly context: SessionContext
  readonly campaign: string
  readonly placement: string | undefined
  readonly adId: string
  readonly reservationId: string | null
  readonly source: string | undefined
}

/** Tells sinks what a route served and what players reported of it, beside the requests and never in their way (F-27). */
export class EventReports {
  readonly #queues: readonly EventQueue<RouteAdEvent>[]
  readonly #secret: string

  constructor({ sinks, queue, secrets }: EventsConfig, { logger, count }: AdRouteEnv) {
    this.#secret = secrets[0] ?? ''
    this.#queues = sinks.map(
      (sink) =>
        new EventQueue<RouteAdEvent>(openSink(sink, logger), {
          ...queue,
          logger,
          onCount: (what, amount) => {
            if (what !== 'accepted') count(`ad_sink:${what}`, amount)
          },
        }),
    )
  }

  /** Nothing is told of who may not be measured (TCF Purpose 7). */
  served({ context, campaign, placement, adId, reservationId, source }: ServedAd): void {
    if (this.#queues.length === 0 || !isAllowed(context, 'measure')) return
    const user = isAllowed(context, 'useIds') ? getUserIdFromCookies(context.cookies) : ANONYMOUS
    this.#push({
      event_type: 'ad_served',
      campaign_id: campaign,
      ad_id: adId,
      ...(reservationId === null ? {} : { reservation_id: reservationId }),
      ...(placement === undefined ? {} : { placement_id: placement }),
      ...(user === ANONYMOUS ? {} : { user_hash: this.#hash(user) }),
      correlator: context.correlator,
      request_id: context.requestId,
      ...(source === undefined ? {} : { source }),
      timestamp: Math.trunc(now()),
      idempotency_key: `${reservationId ?? randomUUID()}.served`,
    })
  }

  /** @param outcome of an event that was genuine. Repeated ones are not told again, nor those of who may not be measured */
  reported(outcome: EventOutcome): void {
    const { status, event = '', campaignId = '', adId, reservationId, charged, mayMeasure } = outcome
    if (this.#queues.length === 0 || status === 'duplicate' || mayMeasure !== true) return
    this.#push({
      event_type: event,
      campaign_id: campaignId,
      ...(adId === undefined ? {} : { ad_id: adId }),
      ...(reservationId === undefined ? {} : { reservation_id: reservationId }),
      status,
      ...(charged === undefined ? {} : { charged: amountText(charged) }),
      timestamp: Math.trunc(now()),
      idempotency_key: `${reservationId ?? randomUUID()}.${event}`,
    })
  }

  /** Delivers what waits, within a second. */
  async close(): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.close(LONGEST_CLOSE_MS)))
  }

  #push(event: RouteAdEvent): void {
    for (const queue of this.#queues) queue.push(event)
  }

  #hash(user: string): string {
    return createHmac('sha256', this.#secret).update('user').update(user).digest('hex').slice(0, 32)
  }
}

function openSink(sink: SinkConfig, logger: AdRouteEnv['logger']): EventSink<RouteAdEvent> {
  switch (sink.kind) {
    case 'log':
      return new LogSink(logger)
    case 'http': {
      const { url, headers, timeoutMs } = sink
      // Whoever configures the gateway may send its events where it likes: no guard.
      return new HttpBatchSink({ transport: new HttpTransport({ maxRedirects: 0 }), url, headers, timeoutMs })
    }
    case 'redis': {
      const { url, stream, maxLength } = sink
      return new RedisStreamSink({ client: streamClient(url, logger), stream, maxLength })
    }
  }
}

function amountText({ amount, currency }: NonNullable<EventOutcome['charged']>): string {
  const nanos = BigInt(amount.micros) * 1000n + BigInt(amount.nanos)
  const fraction = String(nanos % 1_000_000_000n).padStart(9, '0')
  return `${nanos / 1_000_000_000n}.${fraction.replace(/0{1,7}$/, '')} ${currency}`
}
