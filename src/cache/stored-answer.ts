import {
  ageS,
  BlockFields,
  type EntryMeta,
  type Fields,
  ifRangeHolds,
  isNotModified,
  notModifiedBlock,
  type Piece,
  parseRange,
  partialContent,
  type RangeAnswer,
  unsatisfiable,
} from './rules/index.js'
import type { EntryHead } from './store/index.js'

/** A request as far as an answer from the cache depends on it. */
export interface AnswerRequest {
  readonly method: string
  readonly fields: Fields
}

/** What goes to the client of a stored answer: all of it, parts, or that it has not changed. */
export interface StoredAnswer {
  readonly status: number
  /** '' where it is not that of the stored answer. */
  readonly statusText: string
  readonly headerBlock: string
  /** Announced length; null when not known. */
  readonly lengthBytes: number | null
  /** Of the stored body. */
  readonly pieces: readonly Piece[]
}

const WHOLE: readonly Piece[] = [{ first: 0, last: Number.POSITIVE_INFINITY }]
const NOTHING: readonly Piece[] = []

/**
 * Makes the answer to a request of a stored one (RFC 9111 §4, §4.3.2; RFC 9110 §14).
 * @param totalBytes length of the stored body, null while it is not known
 * @param boundary makes a text that no body holds
 */
export function storedAnswer(
  request: AnswerRequest,
  head: EntryHead,
  meta: EntryMeta,
  totalBytes: number | null,
  boundary: () => string,
): StoredAnswer {
  const { fields } = request
  const { headerBlock } = meta
  if (isNotModified(fields, head, meta)) {
    const block = notModifiedBlock(headerBlock, meta.etag)
    return { status: 304, statusText: '', headerBlock: block, lengthBytes: null, pieces: NOTHING }
  }
  const whole = {
    status: head.status,
    statusText: meta.statusText,
    headerBlock,
    lengthBytes: totalBytes,
    pieces: totalBytes === 0 ? NOTHING : WHOLE,
  }
  // RFC 9110 §14.2: Range is defined for GET, and concerns the content of a 200.
  const range = request.method === 'GET' && head.status === 200 ? fields.get('range') : null
  if (range === null || totalBytes === null) return whole
  const ifRange = fields.get('if-range')
  if (ifRange !== null && !ifRangeHolds(ifRange, head, meta)) return whole
  const wanted = parseRange(range, totalBytes)
  if (wanted.kind === 'whole') return whole
  if (wanted.kind === 'unsatisfiable') return partial(unsatisfiable(headerBlock, totalBytes))
  const type = new BlockFields(headerBlock).get('content-type')
  return partial(partialContent(headerBlock, type, wanted.ranges, totalBytes, boundary()))
}

function partial({ status, headerBlock, lengthBytes, pieces }: RangeAnswer): StoredAnswer {
  return { status, statusText: '', headerBlock, lengthBytes, pieces }
}

/** The line of Age (RFC 9111 §5.1). */
export function ageLine(head: EntryHead, nowMs: number): string {
  return `age: ${ageS(head, nowMs)}\r\n`
}
