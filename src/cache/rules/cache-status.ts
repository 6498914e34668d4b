/** Why a request went to the origin (RFC 9211 §2.2). */
export type ForwardReason =
  | 'bypass'
  | 'method'
  | 'uri-miss'
  | 'vary-miss'
  | 'miss'
  | 'request'
  | 'stale'
  | 'partial'

/** What a cache did with a request (RFC 9211 §2). */
export interface CacheStatus {
  readonly hit: boolean
  /** Absent on a hit. */
  readonly forward?: ForwardReason
  /** Of the origin's answer, where it is not the one that is sent (§2.3). */
  readonly forwardStatus?: number
  /** §2.5. */
  readonly stored?: boolean
  /** Answered by what another request has fetched (§2.6). */
  readonly collapsed?: boolean
  /** Freshness left, seconds; negative when stale (§2.4). */
  readonly ttlS?: number
  /** §2.7. */
  readonly key?: string
  /** §2.8. */
  readonly detail?: string
}

/** The value of Cache-Status: a member of a list of structured values (RFC 9211 §2). */
export function cacheStatus(name: string, status: CacheStatus): string {
  let value = name
  if (status.hit) value += '; hit'
  else if (status.forward !== undefined) value += `; fwd=${status.forward}`
  if (status.forwardStatus !== undefined) value += `; fwd-status=${status.forwardStatus}`
  if (status.ttlS !== undefined) value += `; ttl=${Math.trunc(status.ttlS)}`
  if (status.stored === true) value += '; stored'
  if (status.collapsed === true) value += '; collapsed'
  if (status.key !== undefined) value += `; key=${quoted(status.key)}`
  if (status.detail !== undefined) value += `; detail=${status.detail}`
  return value
}

/** A string of RFC 8941 §3.3.3 has printable ASCII only; anything else is shown as `?`. */
function quoted(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`
}
