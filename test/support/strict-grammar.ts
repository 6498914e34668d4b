/**
 * The grammar of a request, written down a second time from the RFCs and not shared with the code under test.
 * Strings have one character per byte.
 */

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** RFC 9110 §5.6.2. */
export function isStrictToken(text: string): boolean {
  return TOKEN.test(text)
}

/** RFC 9110 §5.5, without surrounding whitespace; empty is allowed. */
export function isStrictFieldValue(text: string): boolean {
  return /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/.test(text)
}

const PCHAR = "(?:[A-Za-z0-9\\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})"
const ORIGIN_FORM = new RegExp(`^(?:/${PCHAR}*)+(?:\\?(?:${PCHAR}|[/?])*)?$`)

/** RFC 9112 §3.2.1 origin-form with the path and query of RFC 3986 §3.3 and §3.4, or `*` with OPTIONS (§3.2.4). Absolute-form and authority-form are refused (B13). */
export function isStrictTarget(method: string, target: string): boolean {
  if (target === '*') return method === 'OPTIONS'
  return method !== 'CONNECT' && ORIGIN_FORM.test(target)
}

const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})+)(?::(\d*))?$/

/** RFC 9110 §7.2 `uri-host [ ":" port ]`, not empty, and without the comma that a joined second Host would bring. */
export function isStrictHost(host: string): boolean {
  const match = HOST.exec(host)
  return match !== null && (match[1] === undefined || Number(match[1]) <= 65_535)
}

/** RFC 9110 §8.6 without leading zeros, which parsers disagree about (B1), and small enough to count exactly. */
export function isStrictContentLength(value: string): boolean {
  return /^(?:0|[1-9]\d{0,14})$/.test(value)
}

const QUOTED = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"'
const TOKEN_TEXT = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const CHUNK_LINE = new RegExp(
  `^([0-9A-Fa-f]{1,12})(?:[\\t ]*;[\\t ]*${TOKEN_TEXT}(?:[\\t ]*=[\\t ]*(?:${TOKEN_TEXT}|${QUOTED}))?)*$`,
)

/** RFC 9112 §7.1: the size in a chunk line with well-formed extensions, or null. */
export function strictChunkSize(line: string): number | null {
  const match = CHUNK_LINE.exec(line)
  return match === null ? null : Number.parseInt(match[1] ?? '', 16)
}
