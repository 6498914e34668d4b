import { CURRENCIES } from '../money/index.js'
import { REASONS, type Reason } from './errors.js'

/** Why the acceptor refused a request before there was a session. */
export const REFUSAL_KINDS = ['parse', 'limit', 'overload', 'draining', 'host', 'certificate'] as const
export type RefusalKind = (typeof REFUSAL_KINDS)[number]

/** Why a request that had passed the guard was rejected for want of room or of credentials: sessions, answered and counted as such too. */
export const REJECTION_KINDS = ['queue_full', 'auth'] as const
export type RejectionKind = (typeof REJECTION_KINDS)[number]

/** Why an ad route gave no ad; `NO_FILL_REASONS` of ads/. */
export const AD_NO_FILL_KINDS = [
  'no-ad',
  'no-bid',
  'frequency-cap',
  'budget',
  'pacing',
  'currency',
  'consent',
  'paused',
  'timeout',
  'error',
] as const
export type AdNoFillKind = (typeof AD_NO_FILL_KINDS)[number]

/** What became of a reported ad event. */
export const AD_EVENT_KINDS = [
  'counted',
  'late',
  'refused',
  'duplicate',
  'released',
  'recorded',
  'queued',
  'dropped',
  'invalid',
] as const
export type AdEventKind = (typeof AD_EVENT_KINDS)[number]

/** What became of events on their way to sinks; `failures` are deliveries that are repeated. */
export const AD_SINK_KINDS = ['delivered', 'dropped', 'failures'] as const
export type AdSinkKind = (typeof AD_SINK_KINDS)[number]
/** What became of calls of impressions, tracking and error URLs that an ad route makes itself. */
export const AD_BEACON_KINDS = ['sent', 'failed', 'dropped'] as const
export type AdBeaconKind = (typeof AD_BEACON_KINDS)[number]
/** What decisions about caps and budgets came to; `degraded` are those of them that were made without the store. */
export const CAP_DECISION_KINDS = ['granted', 'capped', 'over-budget', 'paced', 'degraded'] as const
export type CapDecisionKind = (typeof CAP_DECISION_KINDS)[number]

/** What a store of caps and budgets did not do because it did not answer: decide, or take an event, which then waits. */
export const STORE_OPERATIONS = ['reserve', 'commit'] as const
export type StoreOperation = (typeof STORE_OPERATIONS)[number]
/** Kinds of stores of caps and budgets. */
export const STORE_BACKENDS = ['lmdb', 'redis', 'memory'] as const
export type StoreBackend = (typeof STORE_BACKENDS)[number]

const STATUS_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const

/** Made once: a name that is put together for each answer costs more than the counting. */
const STATUS_COUNTERS = STATUS_CLASSES.map((status) => `status:${status}` as const)

/**
 * Everything the gateway counts, from closed sets only. `requests` = `answered` + `aborted` + sessions in flight (conservation law C16);
 * what the acceptor refused is counted beside it, under `refused:…`.
 */
export type GatewayCounter =
  | 'requests'
  | 'answered'
  | 'aborted'
  | 'retries'
  | 'bytes_in'
  | 'bytes_out'
  | 'upstream_connections_opened'
  | 'upstream_connections_reused'
  | 'dns_lookups'
  | 'dns_failures'
  | 'worker_restarts'
  | 'state_restarts'
  | 'access_log_dropped'
  | 'connections_opened'
  | 'queued'
  | 'shed'
  | 'mirror_sent'
  | 'mirror_skipped'
  | 'mirror_failed'
  | 'ad_requests'
  | 'ad_fills'
  | 'ad_reserved'
  | 'ad_released'
  | `ad_spend_micros:${string}`
  | `ad_sink:${AdSinkKind}`
  | `ad_beacon:${AdBeaconKind}`
  | `cap_decision:${CapDecisionKind}`
  | `store_error:${StoreBackend}:${StoreOperation}`
  | `ad_no_fill:${AdNoFillKind}`
  | `ad_event:${AdEventKind}`
  | `refused:${RefusalKind}`
  | `rejected:${RejectionKind}`
  | `status:${(typeof STATUS_CLASSES)[number]}`
  | `error:${Reason}`

export const GATEWAY_COUNTERS: readonly GatewayCounter[] = [
  'requests',
  'answered',
  'aborted',
  'retries',
  'bytes_in',
  'bytes_out',
  'upstream_connections_opened',
  'upstream_connections_reused',
  'dns_lookups',
  'dns_failures',
  'worker_restarts',
  'state_restarts',
  'access_log_dropped',
  'connections_opened',
  'queued',
  'shed',
  'mirror_sent',
  'mirror_skipped',
  'mirror_failed',
  'ad_requests',
  'ad_fills',
  'ad_reserved',
  'ad_released',
  ...CURRENCIES.map((currency) => `ad_spend_micros:${currency}` as const),
  ...AD_SINK_KINDS.map((kind) => `ad_sink:${kind}` as const),
  ...AD_BEACON_KINDS.map((kind) => `ad_beacon:${kind}` as const),
  ...CAP_DECISION_KINDS.map((kind) => `cap_decision:${kind}` as const),
  ...STORE_BACKENDS.flatMap((backend) =>
    STORE_OPERATIONS.map((operation) => `store_error:${backend}:${operation}` as const),
  ),
  ...AD_NO_FILL_KINDS.map((kind) => `ad_no_fill:${kind}` as const),
  ...AD_EVENT_KINDS.map((kind) => `ad_event:${kind}` as const),
  ...REFUSAL_KINDS.map((kind) => `refused:${kind}` as const),
  ...REJECTION_KINDS.map((kind) => `rejected:${kind}` as const),
  ...STATUS_COUNTERS,
  ...REASONS.map((reason) => `error:${reason}` as const),
]

/** Rows of counters, one for each thread that writes: the acceptor's, those of the workers, the control thread's. */
export function counterRows(workers: number): number {
  return workers + 2
}

/** The counter of a status's class. */
export function statusCounter(status: number): GatewayCounter {
  return STATUS_COUNTERS[Math.floor(status / 100) - 1] ?? 'status:5xx'
}
