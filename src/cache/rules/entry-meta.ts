import type { EntryHead, NewEntryHead } from '../store/index.js'
import { isEntityTag } from './entity-tag.js'
import { withoutLines } from './field-block.js'
import type { Fields } from './fields.js'
import { type Arrival, initialAgeMs, mustRevalidate } from './freshness.js'
import { parseHttpDate } from './http-date.js'
import { allowsAuthorized, type StorePlan } from './storable.js'
import { surrogateTags } from './surrogate-tags.js'

/** Never served stale on the route's or the client's word (RFC 9111 §4.2.4). Bit 0 of the flags is the store's. */
export const FLAG_MUST_REVALIDATE = 2
/** `no-cache`: not served without validation (RFC 9111 §5.2.2.4). */
export const FLAG_NO_CACHE = 4
/** May answer requests with Authorization (RFC 9111 §3.5). */
export const FLAG_FOR_AUTHORIZED = 8
/** RFC 8246. */
export const FLAG_IMMUTABLE = 16
/** Holds no answer, but the names by which those of its URL vary. */
export const FLAG_VARY = 32
/** `s-maxage`: a client's `max-stale` does not count (RFC 9111 §4.2.4, §5.2.2.10). */
export const FLAG_SHARED_AGE = 64

/** What stands in an entry's `meta`. */
export interface EntryMeta {
  readonly statusText: string
  /** '' when there is none that is valid. */
  readonly etag: string
  /** Date of the answer, or when it came, ms since the epoch. */
  readonly dateMs: number
  /** Of a {@link FLAG_VARY} entry: the names, in lower case. Else empty. */
  readonly varyNames: readonly string[]
  /** Field lines of the answer. */
  readonly headerBlock: string
}

/** Text with a character per byte; only the block, which stands last, holds line ends. */
export function encodeMeta(meta: EntryMeta): string {
  return `${meta.statusText}\n${meta.etag}\n${meta.dateMs}\n${meta.varyNames.join(' ')}\n${meta.headerBlock}`
}

/** What {@link encodeMeta} has made. */
export function decodeMeta(text: string): EntryMeta {
  const statusEnd = text.indexOf('\n')
  const etagEnd = text.indexOf('\n', statusEnd + 1)
  const dateEnd = text.indexOf('\n', etagEnd + 1)
  const varyEnd = text.indexOf('\n', dateEnd + 1)
  const names = text.slice(dateEnd + 1, varyEnd)
  return {
    statusText: text.slice(0, statusEnd),
    etag: text.slice(statusEnd + 1, etagEnd),
    dateMs: Number(text.slice(etagEnd + 1, dateEnd)),
    varyNames: names === '' ? NO_NAMES : names.split(' '),
    headerBlock: text.slice(varyEnd + 1),
  }
}

const NO_NAMES: readonly string[] = []

/** Fields that are not stored: those of one hop (RFC 9111 §3.1), the age, which is counted anew, and what the gateway writes itself. */
const NOT_STORED: ReadonlySet<string> = new Set([
  'age',
  'cache-status',
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-request-id',
])

/** Whether a field of a response is left out of the stored copy. */
export function isNotStored(lowerName: string): boolean {
  return NOT_STORED.has(lowerName)
}

/** A response that is to be stored. */
export interface StoredResponse {
  readonly status: number
  readonly statusText: string
  readonly headerBlock: string
  readonly fields: Fields
}

/** The entry of a response. @param nowMs time of the gateway's clock @param vary id of the entry that names its Vary, 0: none */
export function entryHead(
  response: StoredResponse,
  plan: StorePlan,
  arrival: Arrival,
  nowMs: number,
  vary = 0,
): NewEntryHead {
  const { status, statusText, headerBlock, fields } = response
  const { lifetime, windows, without } = plan
  const bornMs = arrival.responseMs - initialAgeMs(arrival, fields)
  const freshUntilMs = bornMs + lifetime.ms
  const etag = fields.get('etag') ?? ''
  const modified = fields.get('last-modified')
  return {
    status,
    bornMs,
    storedAtMs: nowMs,
    freshUntilMs,
    staleWhileRevalidateUntilMs:
      windows.whileRevalidateMs === 0 ? 0 : freshUntilMs + windows.whileRevalidateMs,
    staleIfErrorUntilMs: windows.ifErrorMs === 0 ? 0 : freshUntilMs + windows.ifErrorMs,
    lastModifiedMs: (modified === null ? null : parseHttpDate(modified)) ?? 0,
    flags: flagsOf(plan),
    vary,
    meta: encodeMeta({
      statusText,
      etag: isEntityTag(etag) ? etag : '',
      dateMs: arrival.dateMs ?? arrival.responseMs,
      varyNames: NO_NAMES,
      headerBlock: withoutLines(headerBlock, (name) => isNotStored(name) || without.includes(name)),
    }),
    tags: surrogateTags(fields),
  }
}

function flagsOf({ directives }: StorePlan): number {
  return (
    (mustRevalidate(directives) ? FLAG_MUST_REVALIDATE : 0) |
    (directives.noCache === true ? FLAG_NO_CACHE : 0) |
    (allowsAuthorized(directives) ? FLAG_FOR_AUTHORIZED : 0) |
    (directives.immutable ? FLAG_IMMUTABLE : 0) |
    (directives.sMaxageS !== null ? FLAG_SHARED_AGE : 0)
  )
}

/** The entry under a URL whose answers vary: it names the fields, and `id` ties the variants to it. */
export function varyHead(names: readonly string[], id: number, nowMs: number): NewEntryHead {
  const meta = { statusText: '', etag: '', dateMs: 0, varyNames: names, headerBlock: '' }
  return {
    status: 0,
    bornMs: nowMs,
    storedAtMs: nowMs,
    freshUntilMs: Number.MAX_SAFE_INTEGER,
    staleWhileRevalidateUntilMs: 0,
    staleIfErrorUntilMs: 0,
    lastModifiedMs: 0,
    flags: FLAG_VARY,
    vary: id,
    meta: encodeMeta(meta),
  }
}

/** RFC 9111 §5.1: seconds since the answer was made or validated, rounded down. */
export function ageS(head: Pick<EntryHead, 'bornMs'>, nowMs: number): number {
  return Math.max(0, Math.floor((nowMs - head.bornMs) / 1000))
}
