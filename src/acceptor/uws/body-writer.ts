import type { UwsResponse } from './native-types.js'

/**
 * Gives the pieces of one streamed answer to uWS and keeps what uWS did not take. All methods are called inside `cork`.
 */
export interface BodyWriter {
  /** Takes a piece; copies what cannot be written now. False: wait for {@link BodyWriter.resume}. */
  write(piece: Uint8Array): boolean
  /** The socket may take more: writes what was kept. False: something is still kept. */
  resume(): boolean
  /** Everything taken was given to uWS. */
  readonly isEmpty: boolean
  /** uWS has ended the answer; its response object must not be touched any more. */
  readonly hasEnded: boolean
}

/**
 * Answer of known length, over `tryEnd`: uWS buffers nothing, and tells exactly what was written.
 *
 * uWS ends the answer with its last byte, and cannot be told then to close the connection. An answer that has to close
 * therefore names a total that is one byte too large once the length is on the wire: the answer stays open in the eyes of
 * uWS, so that a further request on the connection closes it, until the exchange itself closes. For this the answer needs at
 * least two bytes.
 */
export class SizedWriter implements BodyWriter {
  hasEnded = false
  readonly #response: UwsResponse
  readonly #sizeBytes: number
  readonly #staysOpen: boolean
  #hasBegun = false
  #sent = 0
  #kept: Uint8Array[] = []

  constructor(response: UwsResponse, sizeBytes: number, staysOpen: boolean) {
    this.#response = response
    this.#sizeBytes = sizeBytes
    this.#staysOpen = staysOpen
  }

  get isEmpty(): boolean {
    return this.#kept.length === 0
  }

  write(piece: Uint8Array): boolean {
    if (this.isEmpty) {
      // The first call names the true total, and so must not reach it.
      const isWhole = this.#staysOpen && !this.#hasBegun && piece.length === this.#sizeBytes
      let written = isWhole ? this.#try(piece.subarray(0, 1)) : 0
      if (!isWhole || written > 0) written += this.#try(piece.subarray(written))
      if (written === piece.length) return true
      this.#kept.push(new Uint8Array(piece.subarray(written)))
    } else {
      this.#kept.push(new Uint8Array(piece))
    }
    return false
  }

  resume(): boolean {
    for (let piece = this.#kept[0]; piece !== undefined; piece = this.#kept[0]) {
      const written = this.#try(piece)
      if (written < piece.length) {
        this.#kept[0] = piece.subarray(written)
        return false
      }
      this.#kept.shift()
    }
    return true
  }

  #try(piece: Uint8Array): number {
    const total = this.#staysOpen && this.#hasBegun ? this.#sizeBytes + 1 : this.#sizeBytes
    this.#hasBegun = true
    const [ok, ended] = this.#response.tryEnd(piece, total)
    this.hasEnded = ended
    if (ok || ended) {
      this.#sent += piece.length
      return piece.length
    }
    const offset = this.#response.getWriteOffset()
    const written = offset - this.#sent
    this.#sent = offset
    return written
  }
}

/** First piece after a stall: small, since uWS buffers it if the socket is still full. */
const PROBE_BYTES = 1024

/** Everything given to uWS so far has left. */
const CLEAR = 0
/** uWS has buffered something, and will call when the socket takes more. */
const FULL = 1
/** uWS has called; whether its buffer is empty only the next write can tell. */
const PROBING = 2

/**
 * Answer of unknown length, over `write`: uWS buffers what the socket does not take (U18). So that no more than one piece
 * and a few probes lie there however slow the client is, nothing is written while it is full, and then a small probe first.
 */
export class ChunkedWriter implements BodyWriter {
  readonly hasEnded = false
  readonly #response: UwsResponse
  #state = CLEAR
  #kept: Uint8Array[] = []

  constructor(response: UwsResponse) {
    this.#response = response
  }

  get isEmpty(): boolean {
    return this.#kept.length === 0
  }

  write(piece: Uint8Array): boolean {
    if (this.#state === CLEAR && this.isEmpty) {
      if (this.#response.write(piece)) return true
      this.#state = FULL
      return false
    }
    this.#kept.push(new Uint8Array(piece))
    return this.#state !== FULL && this.#writeKept()
  }

  resume(): boolean {
    if (this.#state === FULL) this.#state = PROBING
    return this.#writeKept()
  }

  #writeKept(): boolean {
    for (let piece = this.#kept[0]; piece !== undefined; piece = this.#kept[0]) {
      const part = this.#state === CLEAR ? piece : piece.subarray(0, PROBE_BYTES)
      if (part.length < piece.length) this.#kept[0] = piece.subarray(part.length)
      else this.#kept.shift()
      this.#state = this.#response.write(part) ? CLEAR : FULL
      if (this.#state === FULL) return false
    }
    return true
  }
}
