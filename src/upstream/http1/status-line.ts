import { MALFORMED, NEED_MORE } from './field-section.js'

const PREFIX = Buffer.from('HTTP/1.', 'latin1')
const LF = 10
const CR = 13
const SPACE = 32
const HTAB = 9
/** `HTTP/1.1 200` and a CRLF: no status line is shorter. */
const MIN_BYTES = 14

/**
 * Strict reader of a status line (RFC 9112 §4): `HTTP/1.0` or `HTTP/1.1`, a status of 100 to 599, a reason without
 * control characters. The blank before an empty reason may be missing, since many senders leave it out.
 * Not resumable: the whole line is looked at again when more bytes have come.
 */
export class StatusLine {
  status = 0
  minorVersion = 1
  /** The reason phrase; the same string again when the same comes again. */
  text = ''

  /** @returns the position after the line, {@link NEED_MORE} or {@link MALFORMED}. */
  parse(bytes: Buffer, base: number, end: number): number {
    const prefix = Math.min(PREFIX.length, end - base)
    for (let i = 0; i < prefix; i += 1) if (bytes[base + i] !== PREFIX[i]) return MALFORMED
    if (end - base < MIN_BYTES) return bytes.subarray(base, end).includes(LF) ? MALFORMED : NEED_MORE
    const minor = (bytes[base + 7] ?? 0) - 48
    const hundreds = (bytes[base + 9] ?? 0) - 48
    const tens = (bytes[base + 10] ?? 0) - 48
    const ones = (bytes[base + 11] ?? 0) - 48
    if (minor !== 0 && minor !== 1) return MALFORMED
    if (bytes[base + 8] !== SPACE || hundreds < 1 || hundreds > 5) return MALFORMED
    if (tens < 0 || tens > 9 || ones < 0 || ones > 9) return MALFORMED
    let at = base + 12
    if (bytes[at] === SPACE) at += 1
    else if (bytes[at] !== CR) return MALFORMED
    const textAt = at
    while (at < end) {
      const code = bytes[at] ?? 0
      if (code < 32 ? code !== HTAB : code === 127) break
      at += 1
    }
    if (at === end || (bytes[at] === CR && at + 1 === end)) return NEED_MORE
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return MALFORMED
    this.minorVersion = minor
    this.status = hundreds * 100 + tens * 10 + ones
    if (!equals(bytes, textAt, at, this.text)) this.text = bytes.toString('latin1', textAt, at)
    return at + 2
  }
}

function equals(bytes: Buffer, from: number, to: number, text: string): boolean {
  if (to - from !== text.length) return false
  for (let i = 0; i < text.length; i += 1) if (bytes[from + i] !== text.charCodeAt(i)) return false
  return true
}
