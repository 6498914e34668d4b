import { CURRENCIES } from '../money/index.js'
import {
  AD_BEACON_KINDS,
  AD_EVENT_KINDS,
  AD_NO_FILL_KINDS,
  AD_SINK_KINDS,
  CAP_DECISION_KINDS,
  type GatewayCounter,
  STORE_BACKENDS,
  STORE_OPERATIONS,
} from '../session/counters.js'
import { labelText, type Metric } from './metric.js'

/** What becomes of what the store did not do: the decision goes by policy, the event waits. */
const STORE_RESULT = { reserve: 'by_policy', commit: 'queued' } as const

/** Metrics of routes that serve ads (C-25); none where none has been asked. */
export function adMetrics(counters: Readonly<Record<GatewayCounter, number>>): Metric[] {
  const events = AD_EVENT_KINDS.map((kind) => counters[`ad_event:${kind}`])
  if (counters.ad_requests === 0 && events.every((value) => value === 0)) return []
  return [
    ['ad_requests_total', 'counter', 'Ad requests.', [['', counters.ad_requests]]],
    ['ad_fills_total', 'counter', 'Ad requests that were answered with an ad.', [['', counters.ad_fills]]],
    [
      'ad_no_fills_total',
      'counter',
      'Ad requests without an ad, by reason.',
      AD_NO_FILL_KINDS.map((kind) => [labelText({ reason: kind }), counters[`ad_no_fill:${kind}`]]),
    ],
    [
      'ad_events_total',
      'counter',
      'Reported events, by what became of them.',
      AD_EVENT_KINDS.map((kind) => [labelText({ status: kind }), counters[`ad_event:${kind}`]]),
    ],
    [
      'ad_reservations_total',
      'counter',
      'Decisions that hold a place under caps and money of budgets.',
      [['', counters.ad_reserved]],
    ],
    [
      'ad_reservations_released_total',
      'counter',
      'Reservations that were given back.',
      [['', counters.ad_released]],
    ],
    [
      'cap_decisions_total',
      'counter',
      'Decisions about caps and budgets, by what they came to; degraded: made without the store.',
      CAP_DECISION_KINDS.map((kind) => [labelText({ result: kind }), counters[`cap_decision:${kind}`]]),
    ],
    [
      'store_errors_total',
      'counter',
      'What the store of caps and budgets did not do because it did not answer: decisions went by policy, events wait.',
      STORE_BACKENDS.flatMap((backend) =>
        STORE_OPERATIONS.map((op) => [
          labelText({ backend, op, result: STORE_RESULT[op] }),
          counters[`store_error:${backend}:${op}`],
        ]),
      ),
    ],
    [
      'ad_spend_total',
      'counter',
      'Money charged for impressions, in units of its currency.',
      CURRENCIES.flatMap((currency) => {
        const micros = counters[`ad_spend_micros:${currency}`] ?? 0
        return micros === 0 ? [] : [[labelText({ currency }), micros / 1e6] as const]
      }),
    ],
    [
      'ad_sink_events_total',
      'counter',
      'Events on their way to sinks; failures are deliveries that are repeated.',
      AD_SINK_KINDS.map((kind) => [labelText({ result: kind }), counters[`ad_sink:${kind}`]]),
    ],
    [
      'ad_beacons_total',
      'counter',
      'Impressions, tracking and error URLs that the gateway called itself.',
      AD_BEACON_KINDS.map((kind) => [labelText({ result: kind }), counters[`ad_beacon:${kind}`]]),
    ],
    [
      'ad_state_restarts_total',
      'counter',
      'Times that the thread of the state stores had to be started again.',
      [['', counters.state_restarts]],
    ],
  ]
}
