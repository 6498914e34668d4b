import type { EntryHead } from '../store/index.js'
import { stronglyEqual } from './entity-tag.js'
import type { EntryMeta } from './entry-meta.js'
import { withoutLines } from './field-block.js'
import { parseHttpDate } from './http-date.js'

/** First and last byte, both included. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

/** What a Range field asks of a body: nothing that counts, what is not there, or pieces of it. */
export type RangeRequest =
  | { readonly kind: 'whole' }
  | { readonly kind: 'unsatisfiable' }
  | { readonly kind: 'ranges'; readonly ranges: readonly ByteRange[] }

/** Beyond it a client gets the whole (RFC 9110 §14.2: many small ranges are an attack or a mistake). */
const MAX_RANGES = 32

const WHOLE: RangeRequest = { kind: 'whole' }

/** RFC 9110 §14.1.2, §14.2. Another unit, or anything off the grammar, is as if the field were not there. */
export function parseRange(field: string, sizeBytes: number): RangeRequest {
  const set = /^bytes=(.*)$/i.exec(field.trim())?.[1]
  if (set === undefined) return WHOLE
  const ranges: ByteRange[] = []
  let specs = 0
  for (const part of set.split(',')) {
    const spec = part.trim()
    if (spec === '') continue
    specs += 1
    const match = /^(\d{0,15})-(\d{0,15})$/.exec(spec)
    if (match === null || spec === '-' || specs > MAX_RANGES) return WHOLE
    const [, from = '', to = ''] = match
    if (from === '') {
      const suffix = Math.min(Number(to), sizeBytes)
      if (suffix > 0) ranges.push({ first: sizeBytes - suffix, last: sizeBytes - 1 })
      continue
    }
    const first = Number(from)
    if (to !== '' && Number(to) < first) return WHOLE
    if (first < sizeBytes)
      ranges.push({ first, last: to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1) })
  }
  if (specs === 0) return WHOLE
  if (ranges.length === 0) return { kind: 'unsatisfiable' }
  return overlaps(ranges) ? WHOLE : { kind: 'ranges', ranges }
}

/** Overlapping ranges would make an answer larger than the whole (CVE-2011-3192). */
function overlaps(ranges: readonly ByteRange[]): boolean {
  const sorted = [...ranges].sort((a, b) => a.first - b.first)
  return sorted.some((range, at) => at > 0 && range.first <= (sorted[at - 1]?.last ?? -1))
}

/**
 * RFC 9110 §13.1.5: the range counts if the stored answer is exactly what the client has parts of: a strong tag, or a date that is its
 * Last-Modified and a strong validator (§8.8.2.2: at least a second before its Date).
 */
export function ifRangeHolds(
  field: string,
  head: EntryHead,
  meta: Pick<EntryMeta, 'etag' | 'dateMs'>,
): boolean {
  const value = field.trim()
  if (value.startsWith('"') || value.startsWith('W/'))
    return meta.etag !== '' && stronglyEqual(value, meta.etag)
  const ms = parseHttpDate(value)
  return ms !== null && ms === head.lastModifiedMs && meta.dateMs - ms >= 1000
}

/** A piece of an answer: bytes of its own, or a range of the stored body. */
export type Piece = Uint8Array | ByteRange

/** An answer made of parts of a stored one. */
export interface RangeAnswer {
  readonly status: 206 | 416
  /** Fields that take the place of those of the same name in the stored answer. */
  readonly headerBlock: string
  readonly pieces: readonly Piece[]
  readonly lengthBytes: number
}

const encoder = new TextEncoder()

/** RFC 9110 §15.5.17: nothing of the content, and how long it is. */
export function unsatisfiable(headerBlock: string, sizeBytes: number): RangeAnswer {
  const rest = withoutLines(
    headerBlock,
    (name) => name.startsWith('content-') || name === 'etag' || name === 'last-modified',
  )
  return {
    status: 416,
    headerBlock: `${rest}content-range: bytes */${sizeBytes}\r\n`,
    pieces: [],
    lengthBytes: 0,
  }
}

/** RFC 9110 §15.3.7: one range as it is, several as `multipart/byteranges`. @param boundary that the body cannot hold, e.g. random */
export function partialContent(
  headerBlock: string,
  contentType: string | null,
  ranges: readonly ByteRange[],
  sizeBytes: number,
  boundary: string,
): RangeAnswer {
  const [only, another] = ranges
  if (only !== undefined && another === undefined) {
    return {
      status: 206,
      headerBlock: `${withoutLines(headerBlock, (name) => name === 'content-range')}content-range: ${contentRange(only, sizeBytes)}\r\n`,
      pieces: [only],
      lengthBytes: only.last - only.first + 1,
    }
  }
  const pieces: Piece[] = []
  let lengthBytes = 0
  const add = (piece: Piece): void => {
    pieces.push(piece)
    lengthBytes += piece instanceof Uint8Array ? piece.length : piece.last - piece.first + 1
  }
  const type = contentType === null ? '' : `Content-Type: ${contentType}\r\n`
  for (const [at, range] of ranges.entries()) {
    const start = at === 0 ? '' : '\r\n'
    add(
      encoder.encode(
        `${start}--${boundary}\r\n${type}Content-Range: ${contentRange(range, sizeBytes)}\r\n\r\n`,
      ),
    )
    add(range)
  }
  add(encoder.encode(`\r\n--${boundary}--\r\n`))
  const rest = withoutLines(headerBlock, (name) => name === 'content-type' || name === 'content-range')
  return {
    status: 206,
    headerBlock: `${rest}content-type: multipart/byteranges; boundary=${boundary}\r\n`,
    pieces,
    lengthBytes,
  }
}

function contentRange({ first, last }: ByteRange, sizeBytes: number): string {
  return `bytes ${first}-${last}/${sizeBytes}`
}
