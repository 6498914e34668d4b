import { WINDOW_BYTES } from '../mailbox/index.js'
import { copyOfShared } from '../memory/index.js'
import type { BodyFraming } from '../upstream/http1/index.js'
import { GatheredBytes } from './gathered-bytes.js'
import { joinPieces } from './join-pieces.js'
import { asGatewayError, type BodyTransform } from './phase-runner.js'
import type { BodySink, RequestBodyOptions, RequestBodyOwner } from './request-body-types.js'
import { bodyTooLarge } from './session-errors.js'

/** Small bodies of known length are gathered before the upstream is asked: head and body leave in one write. */
const GATHER_BYTES = 16 * 1024
/** Bodies up to this size are kept for a second attempt. */
const REPLAY_BYTES = 64 * 1024

/** A piece of a streamed body. */
interface Piece {
  readonly bytes: Uint8Array
  /** It counts as consumed: credit is given once, however often it is sent. */
  counted: boolean
}

/**
 * The request body on its way from the mailbox to an attempt: gathered, or streamed under credit; kept for a second attempt
 * while it is small, or while none of it was sent.
 */
export class RequestBody {
  readonly #options: RequestBodyOptions
  readonly #owner: RequestBodyOwner
  readonly #pieces: Piece[] = []
  readonly #gathers: boolean
  /** What a gathered body lies in that nobody but the connector gets to see, until the session ends; null: in memory of its own. */
  #gathered: GatheredBytes | null = null
  /** Index of the piece to be sent next. */
  #next = 0
  #complete: boolean
  /** Pieces stay after they were sent. */
  #keeps = true
  /** Something was sent and not kept. */
  #lost = false
  #received = 0
  #ungranted = 0
  #whenGathered: (() => void) | null = null
  #sink: BodySink | null = null
  /** Counts attachments: what a filter makes of a piece for an earlier one is not wanted any more. */
  #attachment = 0
  #blocked = false
  #busy = false
  #ended = false
  #unwanted: 'no' | 'drained' | 'discarded' = 'no'

  constructor(options: RequestBodyOptions, owner: RequestBodyOwner) {
    this.#options = options
    this.#owner = owner
    this.#complete = options.contentLength === -1 || options.contentLength === 0
    this.#gathers =
      !this.#complete &&
      (options.buffer || (options.contentLength > 0 && options.contentLength <= GATHER_BYTES))
    if (this.#gathers && !options.buffer && options.transform === null)
      this.#gathered = GatheredBytes.of(options.contentLength)
  }

  get receivedBytes(): number {
    return this.#received
  }

  /** The request has a body, be it empty. */
  get present(): boolean {
    return this.#options.contentLength !== -1
  }

  /** True when all of it has come. */
  get complete(): boolean {
    return this.#complete
  }

  /** True when another attempt can send all of it again. */
  get replayable(): boolean {
    return !this.#lost
  }

  /** Calls back once the body is whole if it is to be gathered, at once otherwise. */
  whenReady(ready: () => void): void {
    const { buffer, contentLength, limitBytes } = this.#options
    if (buffer && contentLength > limitBytes) this.#owner.fail(bodyTooLarge())
    else if (!this.#gathers || this.#complete) ready()
    else this.#whenGathered = ready
  }

  /** What the route's filters make of a piece, or null. */
  get transform(): BodyTransform | null {
    return this.#options.transform
  }

  /** The whole body in one piece; only valid when it was gathered, or is empty. */
  whole(): Uint8Array {
    const bytes = joinPieces(this.#pieces.map((piece) => piece.bytes))
    this.#pieces.splice(0, this.#pieces.length, { bytes, counted: true })
    return bytes
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
    if (this.#unwanted === 'discarded') return
    if (this.#unwanted === 'drained') this.#consumed(chunk.length)
    else if (this.#gathers) this.#gather(chunk)
    else this.#stream(chunk)
  }

  /** Sends the body, from its start, to this exchange. Only when `replayable`. */
  attach(sink: BodySink): void {
    this.#sink = sink
    this.#attachment += 1
    this.#next = 0
    this.#blocked = false
    this.#busy = false
    this.#ended = false
    this.#pump()
  }

  detach(): void {
    this.#sink = null
    this.#attachment += 1
    this.#busy = false
  }

  /** The exchange has room again. */
  onDrain(): void {
    this.#blocked = false
    this.#pump()
  }

  /** A filter has put another body in its place: what still comes is read and thrown away. */
  drain(): void {
    this.#drop('drained')
    this.#lost = false
    this.#consumed(0)
  }

  /** Nobody wants the rest, nor what was gathered: no attempt is under way any more. */
  discard(): void {
    this.#drop('discarded')
  }

  #drop(unwanted: 'drained' | 'discarded'): void {
    this.#unwanted = unwanted
    this.#whenGathered = null
    this.detach()
    for (const piece of this.#pieces) if (!piece.counted) this.#ungranted += piece.bytes.length
    if (this.#pieces.length > 0) this.#pieces.length = 0
    this.#gathered?.release()
    this.#gathered = null
    this.#next = 0
    this.#lost = true
  }

  #gather(chunk: Uint8Array): void {
    if (this.#received > this.#options.limitBytes && this.#options.buffer) {
      this.#whenGathered = null
      this.#owner.fail(bodyTooLarge())
      return
    }
    if (chunk.length > 0) {
      if (this.#gathered === null) this.#pieces.push({ bytes: copyOfShared(chunk), counted: true })
      else this.#pieces[0] = { bytes: this.#gathered.add(chunk), counted: true }
    }
    this.#consumed(chunk.length)
    const ready = this.#whenGathered
    if (!this.#complete || ready === null) return
    this.#whenGathered = null
    ready()
  }

  #stream(chunk: Uint8Array): void {
    if (this.#keeps && this.#received > REPLAY_BYTES) this.#stopKeeping()
    const sink = this.#sink
    const direct =
      sink !== null &&
      !this.#keeps &&
      !this.#blocked &&
      !this.#busy &&
      this.#pieces.length === 0 &&
      this.#options.transform === null
    if (!direct) {
      if (chunk.length > 0 || this.#options.transform !== null) {
        this.#pieces.push({ bytes: copyOfShared(chunk), counted: false })
      }
      this.#pump()
      return
    }
    if (chunk.length > 0) {
      this.#lost = true
      this.#blocked = !sink.write(chunk)
      this.#consumed(chunk.length)
    }
    this.#finish()
  }

  /** It has grown too large: what was sent already is not needed any more. */
  #stopKeeping(): void {
    this.#keeps = false
    if (this.#next === 0) return
    this.#lost = true
    this.#pieces.splice(0, this.#next)
    this.#next = 0
  }

  #pump(): void {
    while (this.#sink !== null && !this.#blocked && !this.#busy) {
      const piece = this.#pieces[this.#next]
      if (piece === undefined) break
      if (this.#keeps) this.#next += 1
      else {
        this.#pieces.shift()
        this.#lost = true
      }
      this.#send(piece, this.#complete && this.#next === this.#pieces.length)
    }
    this.#finish()
  }

  #send(piece: Piece, endOfStream: boolean): void {
    const transform = this.#options.transform
    if (transform === null) {
      this.#write(piece.bytes, piece)
      return
    }
    const attachment = this.#attachment
    try {
      const result = transform(piece.bytes, endOfStream)
      if (attachment !== this.#attachment) return
      if (result instanceof Uint8Array) {
        this.#write(result, piece)
        return
      }
      this.#busy = true
      result.then(
        (bytes) => {
          if (attachment !== this.#attachment) return
          this.#busy = false
          this.#write(bytes, piece)
          this.#pump()
        },
        (error: unknown) => {
          if (attachment === this.#attachment) this.#owner.fail(asGatewayError(error))
        },
      )
    } catch (error) {
      if (attachment === this.#attachment) this.#owner.fail(asGatewayError(error))
    }
  }

  #write(bytes: Uint8Array, piece: Piece): void {
    if (bytes.length > 0 && this.#sink !== null) this.#blocked = !this.#sink.write(bytes)
    if (piece.counted) return
    piece.counted = true
    this.#consumed(piece.bytes.length)
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
