import { isToken } from '../../session/header-rules.js'

const MAX_SIZE_DIGITS = 8
const MAX_EXTENSION_BYTES = 1024

const CR = 13
const LF = 10
const SEMICOLON = 59
const QUOTE = 34
const BACKSLASH = 92

const HEX = new Int8Array(256).fill(-1)
for (let digit = 0; digit < 16; digit += 1) {
  const char = digit.toString(16)
  HEX[char.charCodeAt(0)] = digit
  HEX[char.toUpperCase().charCodeAt(0)] = digit
}

const EXTENSION_BYTE = new Uint8Array(256)
for (let code = 33; code < 127; code += 1) if (isToken(String.fromCharCode(code))) EXTENSION_BYTE[code] = 1
EXTENSION_BYTE[SEMICOLON] = 1
EXTENSION_BYTE['='.charCodeAt(0)] = 1

/**
 * Where the decoder stands. `last`: the line of the last chunk was read, trailers follow. `bad`: off the grammar.
 */
type Phase =
  | 'size'
  | 'extension'
  | 'quoted'
  | 'escaped'
  | 'size-lf'
  | 'data'
  | 'data-cr'
  | 'data-lf'
  | 'last'
  | 'bad'

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
            this.phase = 'extension'
            this.#extensionBytes = 0
          } else return this.#bad('an invalid chunk size', at)
          break
        }
        case 'extension':
        case 'quoted':
        case 'escaped':
          this.#extensionBytes += 1
          if (this.#extensionBytes > MAX_EXTENSION_BYTES) return this.#bad('a chunk extension too long', at)
          if (!this.#extension(code)) return this.#bad('an invalid chunk extension', at)
          break
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
      }
      at += 1
    }
    return at
  }

  #extension(code: number): boolean {
    if (this.phase === 'escaped' || (this.phase === 'quoted' && code !== QUOTE)) {
      this.phase = this.phase === 'quoted' && code === BACKSLASH ? 'escaped' : 'quoted'
      return code === 9 || (code >= 32 && code !== 127)
    }
    if (code === QUOTE) {
      this.phase = this.phase === 'quoted' ? 'extension' : 'quoted'
      return true
    }
    if (code === CR) {
      this.phase = 'size-lf'
      return true
    }
    return EXTENSION_BYTE[code] === 1
  }

  #bad(what: string, at: number): number {
    this.phase = 'bad'
    this.problem = `the chunked body has ${what}`
    return at
  }
}
