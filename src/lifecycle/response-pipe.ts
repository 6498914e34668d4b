import { MAX_BODY_PIECE_BYTES } from '../mailbox/index.js'
import type { ResponseHead } from '../upstream/http1/index.js'
import type { ClientPort } from './client-port.js'

/** An answer of unknown length up to this size is sent with its length, in one piece with its head. */
const COALESCE_BYTES = 16 * 1024

const EMPTY = new Uint8Array(0)

/** Passes a piece of the response through the route's filters. */
export type ResponseTransform = (chunk: Uint8Array, endOfStream: boolean) => Uint8Array | Promise<Uint8Array>

/** The source of the response, which can be held back. */
export interface ResponseSource {
  pause(): void
  resume(): void
}

export interface ResponsePipeOptions {
  readonly port: ClientPort
  readonly source: ResponseSource
  readonly transform: ResponseTransform | null
  /** Collect up to this many bytes instead of sending; 0: stream. */
  readonly bufferBytes: number
  /** The body was collected: the owner calls `sendBuffered` with what the filters made of it. */
  onBuffered(body: Uint8Array): void
  onTooLarge(): void
  onError(error: unknown): void
  /** The last byte was handed to the port. */
  onSent(): void
}

/**
 * The response on its way from the upstream to the client: held back while filters think, collected if a filter wants it
 * whole, sent with its head in one frame if it is small, streamed under credit otherwise.
 */
export class ResponsePipe {
  readonly #options: ResponsePipeOptions
  readonly #held: Uint8Array[] = []
  #heldBytes = 0
  #endTrailers: string | null = null
  #open = false
  #busy = false
  #blocked = false
  #head: { status: number; text: string; block: string; length: number | null } | null = null
  #headSent = false
  #coalesced: Uint8Array | null = null
  #finished = false
  #bytesOut = 0

  constructor(options: ResponsePipeOptions) {
    this.#options = options
  }

  /** The client may have seen something of this answer. */
  get headSent(): boolean {
    return this.#headSent
  }

  get bytesOut(): number {
    return this.#bytesOut
  }

  /** Response bytes from the upstream; valid only during the call. */
  chunk(chunk: Uint8Array): void {
    if (this.#finished) return
    if (this.#open && !this.#busy && this.#options.transform === null && this.#held.length === 0) {
      this.#emit(chunk)
      return
    }
    this.#held.push(Uint8Array.from(chunk))
    this.#heldBytes += chunk.length
    if (this.#options.bufferBytes > 0) {
      if (this.#heldBytes > this.#options.bufferBytes) this.#options.onTooLarge()
      return
    }
    if (!this.#open || this.#busy) this.#options.source.pause()
    this.#pump()
  }

  /** The upstream's response is complete. */
  end(trailers: string): void {
    if (this.#finished) return
    this.#endTrailers = trailers
    if (this.#options.bufferBytes > 0 && !this.#open) {
      const body = this.#held.length === 1 ? (this.#held[0] ?? EMPTY) : Buffer.concat(this.#held)
      this.#held.length = 0
      this.#options.onBuffered(body)
      return
    }
    this.#pump()
  }

  /** The head is final: from now on bytes may go to the client. */
  open(head: ResponseHead, block: string): void {
    const length = this.#options.transform === null ? head.contentLength : null
    this.#open = true
    if (!head.hasBody) {
      this.complete(head.status, head.statusText, block, null, head.contentLength)
      return
    }
    this.#head = { status: head.status, text: head.statusText, block, length }
    this.#pump()
    if (this.#head !== null && !this.#finished) this.#options.port.flushLater()
  }

  /** Sends a whole answer. @param contentLength what is announced when `body` is null (HEAD) */
  complete(
    status: number,
    text: string,
    block: string,
    body: Uint8Array | null,
    contentLength: number | null,
  ): void {
    if (this.#finished) return
    this.#finished = true
    this.#headSent = true
    this.#head = null
    this.#bytesOut += body?.length ?? 0
    const { port } = this.#options
    if (body === null || body.length <= MAX_BODY_PIECE_BYTES) {
      port.head(status, text, block, body === null ? contentLength : body.length, body, true)
    } else {
      port.head(status, text, block, body.length, null, false)
      port.body(body)
      port.end('')
    }
    this.#options.onSent()
  }

  /** End of the loop turn: a head that still waits for its body goes out alone. */
  flushHead(): void {
    const head = this.#head
    if (head === null || this.#finished || this.#busy) return
    this.#sendHead(head)
  }

  /** The client has room again. */
  onWritable(): void {
    if (!this.#blocked) return
    this.#blocked = false
    this.#options.source.resume()
    this.#pump()
  }

  /** The answer cannot be completed: the client's connection must show it. */
  breakOff(): void {
    if (this.#finished) return
    this.#finished = true
    this.#held.length = 0
    this.#options.port.fail()
  }

  #pump(): void {
    const transform = this.#options.transform
    while (this.#open && !this.#busy && !this.#blocked && !this.#finished) {
      const chunk = this.#held.shift()
      if (chunk === undefined) break
      if (transform === null) this.#emit(chunk)
      else this.#transform(transform, chunk, false)
    }
    if (!this.#open || this.#busy || this.#finished || this.#held.length > 0 || this.#endTrailers === null)
      return
    if (transform === null) this.#finish()
    else this.#transform(transform, EMPTY, true)
  }

  #transform(transform: ResponseTransform, chunk: Uint8Array, last: boolean): void {
    const done = (bytes: Uint8Array): void => {
      if (this.#finished) return
      if (bytes.length > 0) this.#emit(bytes)
      if (last) this.#finish()
    }
    try {
      const result = transform(chunk, last)
      if (result instanceof Uint8Array) {
        done(result)
        return
      }
      this.#busy = true
      this.#options.source.pause()
      result.then(
        (bytes) => {
          this.#busy = false
          if (!this.#blocked) this.#options.source.resume()
          done(bytes)
          this.#pump()
        },
        (error: unknown) => {
          this.#busy = false
          this.#options.onError(error)
        },
      )
    } catch (error) {
      this.#options.onError(error)
    }
  }

  #emit(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    const head = this.#head
    if (head !== null) {
      if (head.length === chunk.length && chunk.length <= MAX_BODY_PIECE_BYTES) {
        this.complete(head.status, head.text, head.block, chunk, null)
        return
      }
      if (head.length === null && this.#coalesced === null && chunk.length <= COALESCE_BYTES) {
        this.#coalesced = Uint8Array.from(chunk)
        return
      }
      this.#sendHead(head)
    }
    this.#bytesOut += chunk.length
    if (this.#options.port.body(chunk)) return
    this.#blocked = true
    this.#options.source.pause()
  }

  #sendHead(head: { status: number; text: string; block: string; length: number | null }): void {
    this.#head = null
    this.#headSent = true
    this.#options.port.head(head.status, head.text, head.block, head.length, null, false)
    const coalesced = this.#coalesced
    if (coalesced === null) return
    this.#coalesced = null
    this.#emit(coalesced)
  }

  #finish(): void {
    if (this.#finished) return
    const head = this.#head
    const trailers = this.#endTrailers ?? ''
    if (head !== null && trailers === '') {
      this.complete(head.status, head.text, head.block, this.#coalesced ?? EMPTY, null)
      return
    }
    if (head !== null) this.#sendHead(head)
    this.#finished = true
    this.#options.port.end(trailers)
    this.#options.onSent()
  }
}
