/** Strict already, without escapes: nearly every target. */
const STRICT = /^\/[\w\-.~!$&'()*+,;=:@/]*(?:\?[\w\-.~!$&'()*+,;=:@/?]*)?$/

const FINE = 0
const REFUSED = 1
const PERCENT = 2
const QUESTION = 3
/** Refused in the path, percent-encoded in the query. */
const QUERY_ONLY = 4
/** Percent-encoded in path and query. */
const ENCODED = 5

/** What to do with each byte of a target, by its code. */
const CLASS = new Uint8Array(128).fill(REFUSED)
for (const char of "/-._~!$&'()*+,;=:@0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  CLASS[char.charCodeAt(0)] = FINE
}
CLASS['%'.charCodeAt(0)] = PERCENT
CLASS['?'.charCodeAt(0)] = QUESTION
for (const char of '\\^`{}') CLASS[char.charCodeAt(0)] = QUERY_ONLY
for (const char of '[]|') CLASS[char.charCodeAt(0)] = ENCODED

/**
 * Turns an origin-form request target into a strict one (RFC 3986 §3.3, §3.4), or refuses it.
 *
 * Refused: no leading `/`; controls, space, `"`, `<`, `>`, `#` and bytes from 0x7f on; in the path also `\ ^ { }`, the
 * backtick, `%00` and a `%` that does not begin an escape. Percent-encoded instead, because browsers and ad URLs send them
 * raw: `[ ] |` everywhere, and in the query also `\ ^ { }`, the backtick and a stray `%`.
 *
 * @returns the target, the same string if nothing had to change; null when it is refused
 */
export function strictTarget(target: string): string | null {
  if (STRICT.test(target)) return target
  if (target.charCodeAt(0) !== 0x2f) return null
  let inQuery = false
  let out = ''
  let copied = 0
  for (let i = 1; i < target.length; i += 1) {
    const code = target.charCodeAt(i)
    const kind = code < 128 ? CLASS[code] : REFUSED
    if (kind === FINE) continue
    if (kind === QUESTION) {
      inQuery = true
      continue
    }
    if (kind === PERCENT) {
      const value = hexPair(target, i + 1)
      if (value > 0 || (value === 0 && inQuery)) {
        i += 2
        continue
      }
      if (!inQuery) return null
    } else if (kind === REFUSED || (kind === QUERY_ONLY && !inQuery)) {
      return null
    }
    out += `${target.slice(copied, i)}%${code.toString(16).toUpperCase()}`
    copied = i + 1
  }
  return copied === 0 ? target : out + target.slice(copied)
}

/** Value of the two hexadecimal digits at an index, or -1. */
function hexPair(text: string, at: number): number {
  const high = hexDigit(text.charCodeAt(at))
  const low = hexDigit(text.charCodeAt(at + 1))
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

/** NaN, the code beyond the end of a string, is no digit. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
