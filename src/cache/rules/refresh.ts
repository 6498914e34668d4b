import type { EntryHead } from '../store/index.js'
import { stronglyEqual, weaklyEqual } from './entity-tag.js'
import { decodeMeta, entryHead, isNotStored } from './entry-meta.js'
import { BlockFields, withoutLines } from './field-block.js'
import type { Fields } from './fields.js'
import type { Arrival } from './freshness.js'
import { parseHttpDate } from './http-date.js'
import { type NotStored, type StoreRequest, type StoreRules, storeDecision } from './storable.js'

/** What becomes of a stored answer that the origin has validated. */
export type Refreshed =
  | { readonly kind: 'refreshed'; readonly head: EntryHead; readonly lifetimeMs: number }
  /** It may not be kept any more: use it for this request and leave it as it is. */
  | { readonly kind: 'not-stored'; readonly reason: NotStored }
  /** The validation speaks of another representation (RFC 9111 §4.3.4). */
  | { readonly kind: 'other' }

/** Fields that describe the stored bytes: a 304 does not change them (RFC 9111 §3.2). */
const OF_THE_BYTES: ReadonlySet<string> = new Set(['content-encoding', 'content-range', 'content-type'])

/** RFC 9111 §4.3.4: a validator in the 304 must be that of the stored answer. */
export function selects(head: EntryHead, etag: string, response: Fields): boolean {
  const said = response.get('etag')
  if (said !== null) {
    if (etag === '') return false
    return said.startsWith('W/')
      ? weaklyEqual(said, etag)
      : stronglyEqual(said, etag) || weaklyEqual(said, etag)
  }
  const modified = response.get('last-modified')
  if (modified === null || head.lastModifiedMs === 0) return true
  return parseHttpDate(modified) === head.lastModifiedMs
}

/** The stored answer with what a 304 says (RFC 9111 §3.2, §4.3.4): its fields replace those of the same name, its freshness counts. */
export function refreshedHead(
  stored: EntryHead,
  block: string,
  request: StoreRequest,
  arrival: Arrival,
  rules: StoreRules,
  nowMs: number,
): Refreshed {
  const meta = decodeMeta(stored.meta)
  const fields = new BlockFields(block)
  if (!selects(stored, meta.etag, fields)) return { kind: 'other' }
  const headerBlock = mergedBlock(meta.headerBlock, block)
  const merged = new BlockFields(headerBlock)
  // Age is not stored, but counts for the new answer.
  const withAge: Fields = { get: (name) => (name === 'age' ? fields.get(name) : merged.get(name)) }
  const decision = storeDecision(request, stored.status, withAge, arrival, rules)
  if (!decision.store) return { kind: 'not-stored', reason: decision.reason }
  const response = { status: stored.status, statusText: meta.statusText, headerBlock, fields: withAge }
  const head = entryHead(response, decision.plan, arrival, nowMs, stored.vary)
  return { kind: 'refreshed', head, lifetimeMs: decision.plan.lifetime.ms }
}

/** RFC 9111 §3.2. */
export function mergedBlock(stored: string, update: string): string {
  const news = withoutLines(update, (name) => isNotStored(name) || OF_THE_BYTES.has(name))
  const names = new Set<string>()
  for (let at = 0; at < news.length; ) {
    names.add(news.slice(at, news.indexOf(':', at)).toLowerCase())
    at = news.indexOf('\r\n', at) + 2
  }
  return names.size === 0 ? stored : withoutLines(stored, (name) => names.has(name)) + news
}

/**
 * RFC 9111 §4.3.5: what the answer to a HEAD says of the stored answer to a GET: it is the same and gets the new fields, or it is to be taken
 * for stale. @param lengthBytes that the HEAD announces, null: none @param storedBytes of the stored body
 */
export function matchesHead(
  stored: EntryHead,
  etag: string,
  response: Fields,
  lengthBytes: number | null,
  storedBytes: number | null,
): boolean {
  if (lengthBytes !== null && storedBytes !== null && lengthBytes !== storedBytes) return false
  return selects(stored, etag, response)
}
