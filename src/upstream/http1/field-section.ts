import { readLatin1 } from '../../memory/index.js'
import { CONNECTION_PROTECTED, isToken, trimOws } from '../../session/header-rules.js'

/** {@link FieldSection.parse}: the section is not complete yet. */
export const NEED_MORE = -1
/** {@link FieldSection.parse}: off the grammar; `problem` says how. */
export const MALFORMED = -2

const HTAB = 9
const LF = 10
const CR = 13
const SPACE = 32
const COLON = 58

const NAME_BYTE = new Uint8Array(256)
for (let code = 33; code < 127; code += 1) if (isToken(String.fromCharCode(code))) NAME_BYTE[code] = 1

/** What a `Transfer-Encoding` said: nothing, exactly `chunked` once, or anything else. */
export type TransferCoding = 'none' | 'chunked' | 'other'

/**
 * Incremental, strict reader of one field section (RFC 9112 §5, §7.1.2): header fields or trailers.
 *
 * Names are tokens directly followed by the colon, lines end with CRLF, nothing is folded, values hold no control
 * character. It notes what frames the message and which lines are to be forwarded; hop-by-hop lines
 * (RFC 9110 §7.6.1), `Content-Length`, `Date` and `X-Request-Id` are left out of {@link block}.
 *
 * Works over views of foreign memory: positions are kept relative to the section's first byte, so the caller may
 * move the bytes between two calls. One instance serves many messages.
 */
export class FieldSection {
  /** Value of the one valid `Content-Length`; -1 when absent, -2 when repeated or invalid. */
  contentLength = -1
  transferCoding: TransferCoding = 'none'
  close = false
  keepAlive = false
  connectionUpgrade = false
  /** Value of `Upgrade`, '' when absent. */
  upgrade = ''
  /** `timeout` of `Keep-Alive` in seconds, -1 when not given. */
  keepAliveSeconds = -1
  problem = ''
  /** Keep the value of `Date`; see `UpstreamRequest.keepsDate`. */
  keepsDate = false
  /** Value of `Date` where it is kept, '' when absent. */
  date = ''

  #resumeAt = 0
  /** Begin and end of kept runs of lines, relative to the section's first byte. */
  readonly #runs: number[] = []
  #runCount = 0
  #nominated: string[] | null = null

  begin(): void {
    this.contentLength = -1
    this.transferCoding = 'none'
    this.close = false
    this.keepAlive = false
    this.connectionUpgrade = false
    this.upgrade = ''
    this.keepAliveSeconds = -1
    this.problem = ''
    this.date = ''
    this.#resumeAt = 0
    this.#runCount = 0
    this.#nominated = null
  }

  /**
   * Parses lines until the empty one. `base` is where the section begins in `bytes`, `end` where the bytes end.
   * @returns the position after the empty line, {@link NEED_MORE} or {@link MALFORMED}.
   */
  parse(bytes: Buffer, base: number, end: number): number {
    let at = base + this.#resumeAt
    while (at < end) {
      if (bytes[at] === CR) {
        if (at + 1 === end) break
        return bytes[at + 1] === LF ? at + 2 : this.#malformed('a bare CR')
      }
      let i = at
      while (i < end && NAME_BYTE[bytes[i] ?? 0] === 1) i += 1
      if (i === end) break
      if (bytes[i] !== COLON || i === at) return this.#malformed('an invalid field name')
      const colon = i
      for (i += 1; i < end; i += 1) {
        const code = bytes[i] ?? 0
        if (code < 32 ? code !== HTAB : code === 127) break
      }
      if (i === end) break
      if (bytes[i] !== CR) return this.#malformed('a control character or bare LF in a field value')
      if (i + 1 === end) break
      if (bytes[i + 1] !== LF) return this.#malformed('a bare CR in a field value')
      if (this.#isForwarded(bytes, at, colon, i)) {
        const last = this.#runCount - 1
        if (last > 0 && this.#runs[last] === at - base) this.#runs[last] = i + 2 - base
        else {
          this.#runs[this.#runCount] = at - base
          this.#runs[this.#runCount + 1] = i + 2 - base
          this.#runCount += 2
        }
      }
      at = i + 2
      this.#resumeAt = at - base
    }
    return NEED_MORE
  }

  /** The lines to forward, as received. `base` as in the call of {@link parse} that completed the section. */
  block(bytes: Buffer, base: number): string {
    const runs = this.#runs
    if (this.#runCount === 0) return ''
    const first = runs[0] ?? 0
    const text = readLatin1(bytes, base + first, base + (runs[this.#runCount - 1] ?? 0))
    let block = text
    if (this.#runCount > 2) {
      block = ''
      for (let i = 0; i < this.#runCount; i += 2) {
        block += text.slice((runs[i] ?? 0) - first, (runs[i + 1] ?? 0) - first)
      }
    }
    return this.#nominated === null ? block : withoutFields(block, this.#nominated)
  }

  #malformed(what: string): number {
    this.problem = `the field section has ${what}`
    return MALFORMED
  }

  /** Notes what a line means for framing and connection. The name's length rules most lines out at once. */
  #isForwarded(bytes: Buffer, at: number, colon: number, end: number): boolean {
    switch (colon - at) {
      case 2:
        return !isName(bytes, at, 'te')
      case 4:
        // The acceptor dates every answer itself, and uWS cannot be kept from it: the client must not see two.
        if (!isName(bytes, at, 'date')) return true
        if (this.keepsDate) this.date = fieldValue(bytes, colon, end)
        return false
      case 7:
        if (isName(bytes, at, 'upgrade')) {
          const value = fieldValue(bytes, colon, end)
          this.upgrade = this.upgrade === '' ? value : `${this.upgrade}, ${value}`
          return false
        }
        return !isName(bytes, at, 'trailer')
      case 10:
        if (isName(bytes, at, 'connection')) {
          if (end - colon === 12 && isName(bytes, end - 10, 'keep-alive')) this.keepAlive = true
          else this.#noteConnection(fieldValue(bytes, colon, end))
          return false
        }
        if (isName(bytes, at, 'keep-alive')) {
          const seconds = /(?:^|[,\s])timeout=(\d{1,6})/i.exec(fieldValue(bytes, colon, end))?.[1]
          if (seconds !== undefined) this.keepAliveSeconds = Number(seconds)
          return false
        }
        return true
      case 12:
        // Nor two ids: the acceptor writes that of the session, which an upstream may have echoed.
        return !isName(bytes, at, 'x-request-id')
      case 14:
        if (!isName(bytes, at, 'content-length')) return true
        this.contentLength = this.contentLength === -1 ? lengthOf(bytes, colon, end) : -2
        return false
      case 16:
        return !isName(bytes, at, 'proxy-connection')
      case 17:
        if (!isName(bytes, at, 'transfer-encoding')) return true
        this.transferCoding =
          this.transferCoding === 'none' && framingValue(bytes, colon, end).toLowerCase() === 'chunked'
            ? 'chunked'
            : 'other'
        return false
      default:
        return true
    }
  }

  #noteConnection(value: string): void {
    for (const part of value.split(',')) {
      const option = trimOws(part).toLowerCase()
      if (option === 'close') this.close = true
      else if (option === 'keep-alive') this.keepAlive = true
      else if (option === 'upgrade') this.connectionUpgrade = true
      else if (isToken(option) && !CONNECTION_PROTECTED.has(option)) {
        this.#nominated ??= []
        this.#nominated.push(option)
      }
    }
  }
}

function isName(bytes: Buffer, at: number, lowerName: string): boolean {
  for (let i = 0; i < lowerName.length; i += 1) {
    const code = bytes[at + i] ?? 0
    if ((code >= 65 && code <= 90 ? code | 32 : code) !== lowerName.charCodeAt(i)) return false
  }
  return true
}

function isBlank(code: number | undefined): boolean {
  return code === SPACE || code === HTAB
}

function fieldValue(bytes: Buffer, colon: number, end: number): string {
  let from = colon + 1
  let to = end
  while (from < to && isBlank(bytes[from])) from += 1
  while (to > from && isBlank(bytes[to - 1])) to -= 1
  return bytes.toString('latin1', from, to)
}

/**
 * Like {@link fieldValue}, but a tab after the value stays: some readers (llhttp among them) do not trim it, and would
 * frame the message differently.
 */
function framingValue(bytes: Buffer, colon: number, end: number): string {
  let from = colon + 1
  let to = end
  while (from < to && isBlank(bytes[from])) from += 1
  while (to > from && bytes[to - 1] === SPACE) to -= 1
  return bytes.toString('latin1', from, to)
}

/** `^\d{1,15}$`, so that the number is exact; else -2. Blanks as in {@link framingValue}. */
function lengthOf(bytes: Buffer, colon: number, end: number): number {
  let from = colon + 1
  let to = end
  while (from < to && isBlank(bytes[from])) from += 1
  while (to > from && bytes[to - 1] === SPACE) to -= 1
  if (to === from || to - from > 15) return -2
  let value = 0
  for (let i = from; i < to; i += 1) {
    const digit = (bytes[i] ?? 0) - 48
    if (digit < 0 || digit > 9) return -2
    value = value * 10 + digit
  }
  return value
}

/** The block without the lines whose names are listed (lower case). */
export function withoutFields(block: string, lowerNames: { includes(name: string): boolean }): string {
  let kept = ''
  for (let at = 0; at < block.length; ) {
    const end = block.indexOf('\r\n', at) + 2
    const name = block.slice(at, block.indexOf(':', at)).toLowerCase()
    if (!lowerNames.includes(name)) kept += block.slice(at, end)
    at = end
  }
  return kept
}
