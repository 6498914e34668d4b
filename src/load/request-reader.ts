import { ChunkDecoder } from '../upstream/http1/chunk-decoder.js'

const HEAD_END = '\r\n\r\n'
const MAX_HEAD_BYTES = 65_536

/** Called when a request is complete. @param close the client wants no other answer on this connection. */
export type OnRequest = (isHead: boolean, close: boolean) => void

/**
 * Finds the ends of requests in the bytes of a connection, without any I/O. It trusts the framing that it is told: what it reads
 * comes from proxies under test and from the generator. Requests may follow each other without waiting for answers.
 */
export class RequestReader {
  /** Bytes of bodies, all requests. */
  bodyBytes = 0
  readonly #onRequest: OnRequest
  readonly #chunks = new ChunkDecoder()
  #state: 'head' | 'length' | 'chunked' | 'trailers' = 'head'
  #carry: Buffer | null = null
  #left = 0
  #isHead = false
  #close = false

  constructor(onRequest: OnRequest) {
    this.#onRequest = onRequest
  }

  /** @returns whether the bytes can be read as requests. */
  feed(bytes: Buffer): boolean {
    let data = bytes
    if (this.#carry !== null) {
      data = Buffer.concat([this.#carry, bytes])
      this.#carry = null
    }
    let at = 0
    while (at < data.length) {
      if (this.#state === 'length') {
        const taken = Math.min(this.#left, data.length - at)
        this.bodyBytes += taken
        this.#left -= taken
        at += taken
        if (this.#left === 0) this.#done()
      } else if (this.#state === 'chunked') {
        at = this.#chunks.next(data, at, data.length)
        if (this.#chunks.pieceAt !== -1) this.bodyBytes += at - this.#chunks.pieceAt
        else if (this.#chunks.phase === 'last') this.#state = 'trailers'
        else if (this.#chunks.phase === 'bad') return false
      } else {
        // Trailers are a section as well; without any it is the empty line alone.
        const empty =
          this.#state === 'trailers' && data.length - at >= 2 && data[at] === 13 && data[at + 1] === 10
        const end = empty ? at - 2 : data.indexOf(HEAD_END, at, 'latin1')
        if (end === -1) {
          if (data.length - at > MAX_HEAD_BYTES) return false
          this.#carry = data.subarray(at)
          return true
        }
        if (this.#state === 'trailers') this.#done()
        else this.#onHead(data.toString('latin1', at, end))
        at = end + HEAD_END.length
      }
    }
    return true
  }

  #onHead(head: string): void {
    this.#isHead = head.startsWith('HEAD ')
    this.#close = /\r\nconnection:[^\r]*\bclose\b/i.test(head) || /^\S+ \S+ HTTP\/1\.0/.test(head)
    if (/\r\ntransfer-encoding:[^\r]*\bchunked\b/i.test(head)) {
      this.#state = 'chunked'
      this.#chunks.begin()
      return
    }
    this.#left = Number(/\r\ncontent-length:\s*(\d+)/i.exec(head)?.[1] ?? 0)
    if (this.#left > 0) this.#state = 'length'
    else this.#done()
  }

  #done(): void {
    this.#state = 'head'
    this.#onRequest(this.#isHead, this.#close)
  }
}
