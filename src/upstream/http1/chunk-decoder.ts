import { isToken } from '../../session/header-rules.js'

const MAX_SIZE_DIGITS = 8
const MAX_EXTENSION_BYTES = 1024

const CR = 13
const LF = 10
const SEMICOLON = 59
const EQUALS = 61
const QUOTE = 34
const BACKSLASH = 92

const HEX = new Int8Array(256).fill(-1)
for (let digit = 0; digit < 16; digit += 1) {
  const char = digit.toString(16)
  HEX[char.charCodeAt(0)] = digit
  HEX[char.toUpperCase().charCodeAt(0)] = digit
}

const TOKEN_BYTE = new Uint8Array(256)
for (let code = 33; code < 127; code += 1) if (isToken(String.fromCharCode(code))) TOKEN_BYTE[code] = 1

/** Where in `;name=value;name="quoted"` an extension stands: what may come next depends on it. */
type ExtensionPhase =
  | 'ext-name-start'
  | 'ext-name'
  | 'ext-value-start'
  | 'ext-value'
  | 'quoted'
  | 'escaped'
  | 'quoted-end'

/** Where the decoder stands. `last`: the line of the last chunk was read, trailers follow. `bad`: off the grammar. */
type Phase = 'size' | ExtensionPhase | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'last' | 'bad'

/**
 * Incremental, strict decoder of the chunked coding (RFC 9112 §7.1) up to the last chunk's line.
 *
 * At most 8 hex digits, no blank anywhere outside a quoted extension value, extensions of at most 1,024 bytes a
 * chunk, CRLF and nothing else after a size line and after the data. One instance serves many bodies.
 */
export class ChunkDecoder {
  phase: Phase = 'size'
  /** Begin of the piece of data that the last {@link next} found, or -1. It ends at the position returned. */
  pieceAt = -1
  problem = ''

  #digits = 0
  #left = 0
  #extensionBytes = 0

  begin(): void {
    this.phase = 'size'
    this.pieceAt = -1
    this.problem = ''
    this.#digits = 0
    this.#left = 0
  }

  /** Consumes up to one piece of data. @returns the position reached; stops early at `last` and `bad`. */
  next(bytes: Buffer, from: number, end: number): number {
    this.pieceAt = -1
    let at = from
    while (at < end) {
      const code = bytes[at] ?? 0
      switch (this.phase) {
        case 'data': {
          const to = Math.min(end, at + this.#left)
          this.#left -= to - at
          if (this.#left === 0) this.phase = 'data-cr'
          this.pieceAt = at
          return to
        }
        case 'size': {
          const digit = HEX[code] ?? -1
          if (digit >= 0) {
            this.#digits += 1
            if (this.#digits > MAX_SIZE_DIGITS) return this.#bad('a chunk size of more than 8 digits', at)
            this.#left = this.#left * 16 + digit
          } else if (this.#digits === 0) return this.#bad('an invalid chunk size', at)
          else if (code === CR) this.phase = 'size-lf'
          else if (code === SEMICOLON) {
            this.phase = 'ext-name-start'
            this.#extensionBytes = 0
          } else return this.#bad('an invalid chunk size', at)
          break
        }
        case 'size-lf':
          if (code !== LF) return this.#bad('a bare CR after a chunk size', at)
          if (this.#left === 0) {
            this.phase = 'last'
            return at + 1
          }
          this.phase = 'data'
          break
        case 'data-cr':
          if (code !== CR) return this.#bad('a chunk longer than its size', at)
          this.phase = 'data-lf'
          break
        case 'data-lf':
          if (code !== LF) return this.#bad('a chunk longer than its size', at)
          this.phase = 'size'
          this.#digits = 0
          break
        case 'last':
        case 'bad':
          return at
        default: {
          this.#extensionBytes += 1
          if (this.#extensionBytes > MAX_EXTENSION_BYTES) return this.#bad('a chunk extension too long', at)
          const next = afterExtensionByte(this.phase, code)
          if (next === null) return this.#bad('an invalid chunk extension', at)
          this.phase = next
        }
      }
      at += 1
    }
    return at
  }

  #bad(what: string, at: number): number {
    this.phase = 'bad'
    this.problem = `the chunked body has ${what}`
    return at
  }
}

/** RFC 9112 §7.1.1, without blanks around `;` and `=`. @returns null when the byte must not be there. */
function afterExtensionByte(phase: ExtensionPhase, code: number): ExtensionPhase | 'size-lf' | null {
  switch (phase) {
    case 'quoted':
      if (code === QUOTE) return 'quoted-end'
      if (code === BACKSLASH) return 'escaped'
      return isQuotable(code) ? 'quoted' : null
    case 'escaped':
      return isQuotable(code) ? 'quoted' : null
    case 'ext-name-start':
      return TOKEN_BYTE[code] === 1 ? 'ext-name' : null
    case 'ext-value-start':
      if (code === QUOTE) return 'quoted'
      return TOKEN_BYTE[code] === 1 ? 'ext-value' : null
    case 'ext-name':
    case 'ext-value':
      if (TOKEN_BYTE[code] === 1) return phase
      if (code === EQUALS && phase === 'ext-name') return 'ext-value-start'
      return afterExtension(code)
    case 'quoted-end':
      return afterExtension(code)
  }
}

function afterExtension(code: number): 'ext-name-start' | 'size-lf' | null {
  if (code === SEMICOLON) return 'ext-name-start'
  return code === CR ? 'size-lf' : null
}

function isQuotable(code: number): boolean {
  return code === 9 || (code >= 32 && code !== 127)
}
