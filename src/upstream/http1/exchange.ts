import type { Socket } from 'node:net'
import { takeSlab } from '../../memory/index.js'
import type { GatewayError } from '../../session/errors.js'
import { now } from '../../time/index.js'
import type { Connection } from './connection.js'
import { encodePiece, LAST_CHUNK } from './request-wire.js'
import type {
  ResponseHead,
  UpstreamExchange,
  UpstreamHandler,
  UpstreamRequest,
  UpstreamTimeouts,
} from './types.js'
import { misuse } from './upstream-errors.js'

/** Size line and the two line ends of a chunk. */
const CHUNK_FRAMING_BYTES = 12

/** Runs {@link Exchange.announce} of what was started in this turn, once the caller's code has returned. */
export type Defer = (exchange: Exchange) => void

/** One request and its response: the caller's side of it. Holds the accounting of the request body. */
export class Exchange implements UpstreamExchange {
  readonly request: UpstreamRequest
  /** Of {@link requestHead}. */
  readonly head: string
  readonly handler: UpstreamHandler
  readonly timeouts: UpstreamTimeouts
  /** Null until one was found, and after the end. */
  connection: Connection | null = null
  reused = false
  bytesSent = false
  /** Was `onConnected` called? */
  announced = false
  /** The whole request is with the socket. */
  requestComplete = false
  /** The upstream has refused the rest of the request: what the caller still writes is dropped. */
  muted = false
  /** `write` returned false and no `onDrain` followed yet. */
  awaitsDrain = false
  paused = false
  ended = false

  readonly #defer: Defer
  #bodyLeft: number
  /** Encoded pieces of the body that came before the connection was there. */
  #early: Buffer[] | null = null
  #error: GatewayError | null = null

  constructor(
    request: UpstreamRequest,
    head: string,
    handler: UpstreamHandler,
    timeouts: UpstreamTimeouts,
    defer: Defer,
  ) {
    this.request = request
    this.head = head
    this.handler = handler
    this.timeouts = timeouts
    this.#defer = defer
    const body = request.body
    this.#bodyLeft =
      request.bodyBytes !== undefined || body.kind === 'none'
        ? 0
        : body.kind === 'length'
          ? body.length
          : Number.POSITIVE_INFINITY
  }

  /** Is the caller yet to hand over some of the body? */
  get bodyIsOpen(): boolean {
    return this.#bodyLeft > 0
  }

  write(chunk: Uint8Array): boolean {
    if (this.ended || this.muted) return true
    if (chunk.length > this.#bodyLeft) {
      this.fail(misuse('more of the request body was written than announced'))
      return true
    }
    if (chunk.length === 0) return !this.awaitsDrain
    const chunked = this.#bodyLeft === Number.POSITIVE_INFINITY
    this.#bodyLeft -= chunk.length
    const slab = this.#isUnderWay() ? takeSlab(chunk.length + CHUNK_FRAMING_BYTES) : null
    this.#put(encodePiece(chunk, chunked, slab), slab)
    return !this.awaitsDrain
  }

  end(): void {
    if (this.ended || this.muted || this.#bodyLeft === 0) return
    if (this.#bodyLeft !== Number.POSITIVE_INFINITY) {
      this.fail(misuse('the request body is shorter than announced'))
      return
    }
    this.#bodyLeft = 0
    this.#put(LAST_CHUNK, null)
  }

  pause(): void {
    if (this.ended || this.paused) return
    this.paused = true
    this.connection?.pauseReading()
  }

  resume(): void {
    if (this.ended || !this.paused) return
    this.paused = false
    this.connection?.resumeReading()
  }

  abort(): void {
    if (this.ended) return
    this.ended = true
    this.connection?.drop()
    this.connection = null
  }

  /** It has ended: nothing more is reported, and its connection is another's. */
  detach(): void {
    this.ended = true
    this.connection = null
  }

  /** Ends with an error that is reported when the caller's code has returned, and drops the connection. */
  fail(error: GatewayError): void {
    this.abort()
    this.#error = error
    this.#defer(this)
  }

  /** Tells the handler, once it has ended, that it was with an error. */
  report(error: GatewayError): void {
    try {
      this.handler.onError(error)
    } catch {
      // The exchange has ended: there is nobody left to tell.
    }
  }

  /** Ends as an upgrade: the socket is the caller's from here on, paused, without our listener for data. */
  takeSocket(head: ResponseHead, socket: Socket, firstBytes: Buffer): void {
    this.detach()
    socket.pause()
    socket.removeAllListeners('data')
    try {
      this.handler.onUpgrade?.(head, socket, firstBytes)
    } catch {
      socket.destroy()
    }
  }

  /** Hands over what was written before the connection was there. */
  takeEarly(): Buffer[] | null {
    const early = this.#early
    this.#early = null
    return early
  }

  /** Delivers what must not be delivered from within `request` or `write`. */
  announce(): void {
    const error = this.#error
    if (error !== null) {
      this.#error = null
      this.report(error)
      return
    }
    if (this.ended || this.announced) return
    this.announced = true
    try {
      const atMs = now()
      this.handler.onConnected(this.reused, atMs)
      if (this.requestComplete && !this.ended) this.handler.onRequestSent(atMs)
    } catch (cause) {
      this.connection?.fail(misuse('a handler threw', cause))
    }
  }

  /** The head is with the socket: nothing of the body may overtake it. */
  #isUnderWay(): boolean {
    return this.connection !== null && this.bytesSent
  }

  #put(wire: Buffer, slab: Buffer | null): void {
    if (this.#isUnderWay()) this.connection?.writeBody(this, wire, slab)
    else {
      this.#early ??= []
      this.#early.push(wire)
      this.awaitsDrain = true
    }
  }
}
