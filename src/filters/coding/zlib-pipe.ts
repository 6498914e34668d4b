import type { BrotliCompress, BrotliDecompress, Deflate, Gunzip, Gzip, Inflate, InflateRaw } from 'node:zlib'
import { constants } from 'node:zlib'

/** A compressor or decompressor of node:zlib. */
export type ZlibStream = BrotliCompress | BrotliDecompress | Deflate | Gunzip | Gzip | Inflate | InflateRaw

/** Told what has gone in and come out so far; throws to stop. */
export type ZlibLimit = (inBytes: number, outBytes: number) => void

const EMPTY = new Uint8Array(0)

interface Waiter {
  resolve(bytes: Uint8Array): void
  reject(error: unknown): void
}

/**
 * One body on its way through a stream of node:zlib: piece in, whatever has come of it out. One call at a time; the work is done on threads
 * of the pool.
 */
export class ZlibPipe {
  readonly #stream: ZlibStream
  readonly #isBrotli: boolean
  readonly #limit: ZlibLimit | null
  #out: Uint8Array[] = []
  #inBytes = 0
  #outBytes = 0
  #waiter: Waiter | null = null
  #failure: unknown = null

  constructor(stream: ZlibStream, isBrotli: boolean, limit: ZlibLimit | null = null) {
    this.#stream = stream
    this.#isBrotli = isBrotli
    this.#limit = limit
    stream.on('data', (bytes: Uint8Array) => this.#onData(bytes))
    stream.on('error', (error) => this.#fail(error))
    stream.on('end', () => this.#settle())
    stream.on('close', () => this.#fail(new Error('the stream was closed')))
  }

  /** Bytes that have gone in. */
  get inBytes(): number {
    return this.#inBytes
  }

  /**
   * @param piece must stay as it is until the promise has settled
   * @param flushes whether all of it has to come out at once
   */
  write(piece: Uint8Array, flushes: boolean): Promise<Uint8Array> {
    return this.#run(() => {
      this.#inBytes += piece.length
      this.#stream.write(piece, () => {
        if (!flushes) this.#settle()
      })
      if (flushes) {
        const mode = this.#isBrotli ? constants.BROTLI_OPERATION_FLUSH : constants.Z_SYNC_FLUSH
        this.#stream.flush(mode, () => this.#settle())
      }
    })
  }

  /** The last piece. @returns all that is left */
  end(piece: Uint8Array): Promise<Uint8Array> {
    return this.#run(() => {
      this.#inBytes += piece.length
      if (piece.length > 0) this.#stream.write(piece)
      this.#stream.end()
    })
  }

  /** Gives back what the stream holds. Idempotent. */
  close(): void {
    this.#stream.destroy()
  }

  #run(begin: () => void): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) {
        reject(this.#failure)
        return
      }
      this.#waiter = { resolve, reject }
      begin()
    })
  }

  #onData(bytes: Uint8Array): void {
    if (this.#failure !== null) return
    this.#outBytes += bytes.length
    this.#out.push(bytes)
    try {
      this.#limit?.(this.#inBytes, this.#outBytes)
    } catch (error) {
      this.#fail(error)
      this.#stream.destroy()
    }
  }

  #settle(): void {
    const waiter = this.#waiter
    if (waiter === null || this.#failure !== null) return
    this.#waiter = null
    const out = this.#out
    this.#out = []
    const [first = EMPTY] = out
    waiter.resolve(out.length > 1 ? Buffer.concat(out) : first)
  }

  #fail(error: unknown): void {
    if (this.#failure !== null) return
    this.#failure = error
    this.#out = []
    const waiter = this.#waiter
    this.#waiter = null
    waiter?.reject(error)
  }
}
