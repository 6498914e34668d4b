import { WINDOW_BYTES } from '../mailbox/index.js'
import type { BodyFraming, UpstreamExchange } from '../upstream/http1/index.js'
import type { ClientPort } from './client-port.js'

/** Small bodies of known length are gathered before the upstream is asked: head and body leave in one write. */
const GATHER_BYTES = 16 * 1024
/** Bodies up to this size are kept for a second attempt. */
const REPLAY_BYTES = 64 * 1024

const EMPTY = new Uint8Array(0)

/** Passes a piece through the route's filters. */
export type BodyTransform = (piece: Uint8Array, endOfStream: boolean) => Uint8Array | Promise<Uint8Array>

export interface RequestBodyOptions {
  /** As in `RequestHead.contentLength`: ≥ 0, -1 none, -2 chunked. */
  readonly contentLength: number
  /** Keep the whole body, up to `limitBytes`, for the filters. */
  readonly buffer: boolean
  readonly limitBytes: number
  readonly transform: BodyTransform | null
  readonly port: ClientPort
  /** The body is larger than what may be buffered. */
  onTooLarge(): void
  onError(error: unknown): void
}

/**
 * The request body on its way from the mailbox to an attempt: gathered, or streamed under credit; kept for a second attempt
 * while it is small.
 */
export class RequestBody {
  readonly #options: RequestBodyOptions
  readonly #pieces: Uint8Array[] = []
  readonly #gathers: boolean
  #next = 0
  #complete: boolean
  #keeps = true
  #keptBytes = 0
  #received = 0
  #ungranted = 0
  #whenGathered: (() => void) | null = null
  #sink: UpstreamExchange | null = null
  #blocked = false
  #busy = false
  #ended = false
  #discarded = false

  constructor(options: RequestBodyOptions) {
    this.#options = options
    this.#complete = options.contentLength === -1 || options.contentLength === 0
    this.#gathers =
      !this.#complete &&
      (options.buffer || (options.contentLength > 0 && options.contentLength <= GATHER_BYTES))
  }

  get receivedBytes(): number {
    return this.#received
  }

  /** True when all of it is at hand. */
  get complete(): boolean {
    return this.#complete
  }

  /** True when another attempt can send all of it again. */
  get replayable(): boolean {
    return this.#keeps
  }

  /** Calls back once the body is whole if it is to be gathered, at once otherwise. */
  whenReady(ready: () => void): void {
    if (!this.#gathers || this.#complete) ready()
    else this.#whenGathered = ready
  }

  /** What the route's filters make of a piece, or null. */
  get transform(): BodyTransform | null {
    return this.#options.transform
  }

  /** The whole body in one piece; only valid when it was gathered. */
  whole(): Uint8Array {
    return this.#pieces.length === 1 ? (this.#pieces[0] ?? EMPTY) : Buffer.concat(this.#pieces)
  }

  /** The body is in memory as a whole: its length is known, whatever the client announced. */
  get gathered(): boolean {
    return this.#gathers && this.#complete
  }

  /** How a streamed body is framed towards the upstream. */
  get framing(): BodyFraming {
    const length = this.#options.contentLength
    if (length === -1) return { kind: 'none' }
    if (length === 0) return { kind: 'length', length }
    if (length > 0 && this.#options.transform === null) return { kind: 'length', length }
    return { kind: 'chunked' }
  }

  /** A piece from the client; copied if it must stay. */
  receive(chunk: Uint8Array, last: boolean): void {
    this.#received += chunk.length
    if (last) this.#complete = true
    if (this.#discarded) return
    if (this.#gathers) {
      this.#gather(chunk)
      return
    }
    const sink = this.#sink
    const kept = this.#keep(chunk.length)
    const direct =
      sink !== null &&
      !kept &&
      !this.#blocked &&
      !this.#busy &&
      this.#next === this.#pieces.length &&
      this.#options.transform === null
    if (direct) {
      if (chunk.length > 0) {
        this.#blocked = !sink.write(chunk)
        this.#consumed(chunk.length)
      }
      this.#finish()
      return
    }
    if (chunk.length > 0 || this.#options.transform !== null) this.#pieces.push(Uint8Array.from(chunk))
    this.#pump()
  }

  /** Sends the body, from its start, to this exchange. Only when `replayable` or never attached before. */
  attach(sink: UpstreamExchange): void {
    this.#sink = sink
    this.#next = 0
    this.#blocked = false
    this.#ended = false
    this.#pump()
  }

  detach(): void {
    this.#sink = null
  }

  /** The exchange has room again. */
  onDrain(): void {
    this.#blocked = false
    this.#pump()
  }

  /** Nobody wants the rest. */
  discard(): void {
    this.#discarded = true
    this.#whenGathered = null
    this.#sink = null
    this.#pieces.length = 0
    this.#next = 0
    this.#keeps = false
  }

  #gather(chunk: Uint8Array): void {
    if (this.#received > this.#options.limitBytes && this.#options.buffer) {
      this.#whenGathered = null
      this.#options.onTooLarge()
      return
    }
    if (chunk.length > 0) this.#pieces.push(Uint8Array.from(chunk))
    this.#consumed(chunk.length)
    const ready = this.#whenGathered
    if (!this.#complete || ready === null) return
    this.#whenGathered = null
    ready()
  }

  /** Decides whether a piece of this size still fits what is kept for another attempt. */
  #keep(bytes: number): boolean {
    if (!this.#keeps) return false
    this.#keptBytes += bytes
    if (this.#keptBytes <= REPLAY_BYTES) return true
    this.#keeps = false
    // What was sent already is not needed any more.
    this.#pieces.splice(0, this.#next)
    this.#next = 0
    return false
  }

  #pump(): void {
    while (this.#sink !== null && !this.#blocked && !this.#busy) {
      const piece = this.#pieces[this.#next]
      if (piece === undefined) break
      if (this.#keeps) this.#next += 1
      else this.#pieces.splice(0, 1)
      this.#send(piece, this.#complete && this.#next === this.#pieces.length)
    }
    this.#finish()
  }

  #send(piece: Uint8Array, endOfStream: boolean): void {
    const transform = this.#options.transform
    if (transform === null) {
      this.#write(piece, piece.length)
      return
    }
    try {
      const result = transform(piece, endOfStream)
      if (result instanceof Uint8Array) {
        this.#write(result, piece.length)
        return
      }
      const sink = this.#sink
      this.#busy = true
      result.then(
        (bytes) => {
          this.#busy = false
          if (this.#sink !== sink) return
          this.#write(bytes, piece.length)
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

  #write(bytes: Uint8Array, consumed: number): void {
    if (bytes.length > 0 && this.#sink !== null) this.#blocked = !this.#sink.write(bytes)
    this.#consumed(consumed)
  }

  #finish(): void {
    if (!this.#complete || this.#ended || this.#busy || this.#sink === null) return
    if (this.#next < this.#pieces.length) return
    this.#ended = true
    this.#sink.end()
  }

  #consumed(bytes: number): void {
    if (this.#complete) return
    this.#ungranted += bytes
    if (this.#ungranted < WINDOW_BYTES / 2) return
    const grant = this.#ungranted
    this.#ungranted = 0
    this.#options.port.grant(grant)
  }
}
