import { randomFillSync } from 'node:crypto'

/** What a `traceparent` says (W3C Trace Context level 1, section 3.2). */
export interface TraceParent {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string
  /** Of the caller's span: 16 lower-case hex digits, not all zero. */
  readonly spanId: string
  readonly sampled: boolean
}

/** Version 00 ends here; a later one may have more behind a dash, which is ignored (section 3.2.4). */
const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)

/** @returns null for anything that is not valid: the trace begins anew then (section 4.3) */
export function parseTraceParent(value: string): TraceParent | null {
  const match = FORM.exec(value.trim())
  if (match === null) return null
  const [, version, traceId = '', spanId = '', flags = '', rest] = match
  if (version === 'ff' || (version === '00' && rest !== undefined)) return null
  if (traceId === NO_TRACE || spanId === NO_SPAN) return null
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

export function formatTraceParent({ traceId, spanId, sampled }: TraceParent): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`
}

const MAX_STATE_BYTES = 512
const MAX_MEMBERS = 32
const MEMBER =
  /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/**
 * A `tracestate` as it goes on: members from the left as long as they fit into 32 members and 512 bytes (section 3.3.1.5). All of it is dropped when one member is
 * invalid or stands there twice. @param value the lines of the field, joined by commas
 */
export function cleanTraceState(value: string): string {
  const seen = new Set<string>()
  let kept = ''
  let members = 0
  let isFull = false
  for (const part of value.split(',')) {
    const member = part.replace(/^[ \t]+|[ \t]+$/g, '')
    if (member === '') continue
    const key = member.slice(0, member.indexOf('='))
    if (!MEMBER.test(member) || seen.has(key)) return ''
    seen.add(key)
    const longer = kept === '' ? member : `${kept},${member}`
    if (members === MAX_MEMBERS || longer.length > MAX_STATE_BYTES) isFull = true
    if (isFull) continue
    kept = longer
    members += 1
  }
  return kept
}

const POOL_BYTES = 4096
const pool = Buffer.alloc(POOL_BYTES)
let used = POOL_BYTES

/** Random hex digits that are not all zero. @param bytes 16 for a trace, 8 for a span */
export function randomId(bytes: 8 | 16): string {
  for (;;) {
    if (used + bytes > POOL_BYTES) {
      randomFillSync(pool)
      used = 0
    }
    const id = pool.toString('hex', used, used + bytes)
    used += bytes
    if (id !== NO_SPAN && id !== NO_TRACE) return id
  }
}
