import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib'
import { GatewayError } from '../../session/errors.js'
import type { Coding } from './accept-encoding.js'
import { ZlibPipe, type ZlibStream } from './zlib-pipe.js'

/** Up to so many bytes the ratio is not looked at: a short text of one letter shrinks a thousandfold. */
const RATIO_FROM_BYTES = 1024 * 1024
/** What comes out of zlib at once. */
const CHUNK_BYTES = 64 * 1024

export interface DecoderLimits {
  readonly maxDecompressed: number
  readonly maxRatio: number
}

/** What becomes of a body that is too large, or not what it says. */
export interface DecoderErrors {
  bomb(detail: string): GatewayError
  undecodable(coding: string, cause: unknown): GatewayError
}

/** Decodes one body, piece by piece, as far as the limits allow. */
export class Decoder {
  readonly #coding: Coding
  readonly #limits: DecoderLimits
  readonly #errors: DecoderErrors
  #pipe: ZlibPipe | null = null
  #closed = false

  constructor(coding: Coding, limits: DecoderLimits, errors: DecoderErrors) {
    this.#coding = coding
    this.#limits = limits
    this.#errors = errors
  }

  /** @throws GatewayError by way of the promise. A body without a byte is empty in any coding. */
  async decode(piece: Uint8Array, endOfStream: boolean): Promise<Uint8Array> {
    if (this.#pipe === null && piece.length === 0) return piece
    try {
      this.#pipe ??= this.#open(piece)
      return await (endOfStream ? this.#pipe.end(piece) : this.#pipe.write(piece, false))
    } catch (error) {
      throw error instanceof GatewayError ? error : this.#errors.undecodable(this.#coding, error)
    }
  }

  close(): void {
    this.#closed = true
    this.#pipe?.close()
  }

  #open(first: Uint8Array): ZlibPipe {
    if (this.#closed) throw new Error('the session has ended')
    const { maxDecompressed, maxRatio } = this.#limits
    return new ZlibPipe(decompressor(this.#coding, first), false, (inBytes, outBytes) => {
      if (outBytes > maxDecompressed) throw this.#errors.bomb(`more than ${maxDecompressed} bytes`)
      if (outBytes > RATIO_FROM_BYTES && outBytes > inBytes * maxRatio)
        throw this.#errors.bomb(`more than ${maxRatio} times what came`)
    })
  }
}

function decompressor(coding: Coding, first: Uint8Array): ZlibStream {
  const options = { chunkSize: CHUNK_BYTES }
  if (coding === 'gzip') return createGunzip(options)
  if (coding === 'br') return createBrotliDecompress(options)
  // RFC 9110 §8.4.1.2 means zlib; some send bare deflate. Only zlib begins with an 8 in the lower half of its first byte.
  return ((first[0] ?? 0) & 0x0f) === 8 ? createInflate(options) : createInflateRaw(options)
}
