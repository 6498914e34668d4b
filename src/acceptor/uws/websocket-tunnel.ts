import type { Deadline } from '../../time/index.js'
import {
  BINARY,
  CLOSE,
  closeOf,
  FrameReader,
  type FrameSink,
  LEAST_COMPRESSED_BYTES,
  PING,
  PONG,
  TEXT,
} from '../../websocket/index.js'
import type { Downstream } from '../types.js'
import type { UwsExchangeHost } from './exchange-host.js'
import { FrameQueue } from './frame-queue.js'
import type { UwsWebSocket } from './native-types.js'
import type { Throttle } from './throttle.js'

/** Bytes that may wait in uWS before `write` says to wait. */
const HIGH_WATER_BYTES = 65_536
/** What may arrive from a client that is held back already, beside one message: uWS finishes what it has read. */
const SURPLUS_BYTES = 8 * 1024 * 1024
/** How often a stalled direction is tried again while the other one is held back. */
const RETRY_MS = 50
const ABNORMAL = 1006
const PROTOCOL_ERROR = 1002
const TOO_MUCH = 1013
const EMPTY = new Uint8Array(0)

/** What a tunnel takes and compresses. */
export interface TunnelBounds {
  /** Of a message of the client, decompressed. */
  readonly maxMessageBytes: number
  /** Longest message of the upstream that is compressed for the client, 0: none. */
  readonly compressedBytes: number
}

/** How the client's connection is to end once it has taken everything. */
type Ending = { readonly code: number; readonly reason: Uint8Array } | 'cut'

/**
 * One WebSocket of a client, which uWS has opened and whose frames it reads and writes; towards the owner it is a tunnel of raw
 * bytes. Messages of the client come whole out of uWS; those of the upstream pass in pieces.
 */
export class WebSocketTunnel implements FrameSink {
  bytesOut = 0
  readonly #exchange: Downstream
  readonly #host: UwsExchangeHost
  readonly #throttle: Throttle
  readonly #maxMessageBytes: number
  readonly #compressedBytes: number
  readonly #queue = new FrameQueue()
  readonly #reader: FrameReader
  readonly #retry: Deadline
  #socket: UwsWebSocket | null = null
  /** `write` has said to wait. */
  #isWaiting = false
  #isPaused = false
  #ending: Ending | null = null
  /** The client sends no more; what waits is still handed over. */
  #clientEnded = false
  #isDelivering = false
  #isOver = false

  constructor(exchange: Downstream, host: UwsExchangeHost, throttle: Throttle, bounds: TunnelBounds) {
    this.#exchange = exchange
    this.#host = host
    this.#throttle = throttle
    this.#maxMessageBytes = bounds.maxMessageBytes
    this.#compressedBytes = bounds.compressedBytes
    this.#reader = new FrameReader(this, { wholeBytes: bounds.compressedBytes })
    this.#retry = host.wheel.create(() => this.#onRetry())
  }

  /** Bytes of the upstream. */
  write(chunk: Uint8Array): boolean {
    const socket = this.#socket
    if (socket === null || this.#ending !== null) return true
    this.bytesOut += chunk.length
    socket.cork(() => this.#reader.read(chunk))
    if (this.#reader.problem !== '') this.#ending ??= { code: PROTOCOL_ERROR, reason: EMPTY }
    return !this.#settle()
  }

  /** The upstream sends no more: without a close frame it was cut off, and so is the client. */
  end(): void {
    if (this.#socket === null) return
    this.#ending ??= 'cut'
    this.#settle()
  }

  abort(): void {
    this.#over()
    this.#socket?.close()
  }

  pause(): void {
    this.#isPaused = true
    if (this.#socket !== null) this.#throttle.pause(this.#socket)
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#deliver()
    if (!this.#isPaused && this.#socket !== null) this.#throttle.resume(this.#socket)
  }

  onPiece(piece: Uint8Array, isBinary: boolean, isFirst: boolean, isLast: boolean): void {
    const socket = this.#socket
    if (socket === null || this.#ending !== null) return
    // Pieces of a message are never compressed: uWS would end a deflate stream with each of them. Without the extension uWS looks past the wish.
    if (isFirst && isLast) socket.send(piece, isBinary, this.#isCompressed(piece.length))
    else if (isFirst) socket.sendFirstFragment(piece, isBinary, false)
    else if (isLast) socket.sendLastFragment(piece, false)
    else socket.sendFragment(piece, false)
  }

  #isCompressed(bytes: number): boolean {
    return bytes >= LEAST_COMPRESSED_BYTES && bytes <= this.#compressedBytes
  }

  /** Pongs of the upstream are left out: uWS has answered the client's ping itself. */
  onControl(opcode: number, payload: Uint8Array): void {
    if (this.#ending !== null) return
    if (opcode === CLOSE) this.#ending = closeOf(payload)
    else if (opcode === PING) this.#socket?.ping(payload)
  }

  /** Of uWS, from inside `upgrade`. */
  onOpen(socket: UwsWebSocket): void {
    this.#socket = socket
    // uWS resumes with what it remembers of the last pause on its thread: now it remembers something.
    this.#throttle.pause(socket)
    this.#throttle.resume(socket)
  }

  /** A whole message of the client; detached after the call. */
  onMessage(message: ArrayBuffer, isBinary: boolean): void {
    this.#enqueue(isBinary ? BINARY : TEXT, new Uint8Array(message))
  }

  /** uWS has answered it; the upstream hears of it all the same. */
  onPing(message: ArrayBuffer): void {
    this.#enqueue(PING, new Uint8Array(message))
  }

  onPong(message: ArrayBuffer): void {
    this.#enqueue(PONG, new Uint8Array(message))
  }

  /** Of uWS: there may be room again. */
  onDrain(): void {
    this.#settle()
  }

  /** Of uWS: the connection has ended, by whomever. The socket must not be used any more. */
  onClose(code: number, reason: ArrayBuffer): void {
    const isOurs = this.#ending !== null
    this.#socket = null
    this.#host.wheel.clear(this.#retry)
    if (this.#isOver) return
    if (!isOurs && code === ABNORMAL) {
      this.#over()
      this.#host.handler.onAbort(this.#exchange)
      return
    }
    this.#clientEnded = true
    if (this.#ending !== 'cut') this.#queue.add(CLOSE, closePayload(code, new Uint8Array(reason)))
    this.#deliver()
  }

  #enqueue(opcode: number, bytes: Uint8Array): void {
    if (this.#isOver || this.#clientEnded) return
    this.#queue.add(opcode, bytes)
    this.#deliver()
    if (this.#queue.waitingBytes > this.#maxMessageBytes + SURPLUS_BYTES) {
      this.#queue.clear()
      this.#over()
      this.#host.handler.onAbort(this.#exchange)
      this.#socket?.end(TOO_MUCH, '')
    }
  }

  /** Hands over what waits, until the owner has enough of it. */
  #deliver(): void {
    if (this.#isDelivering) return
    this.#isDelivering = true
    const { handler } = this.#host
    while (!this.#isPaused && !this.#isOver) {
      const piece = this.#queue.next()
      if (piece === null) break
      handler.onBody(this.#exchange, piece, false)
    }
    this.#queue.keep()
    this.#isDelivering = false
    if (!this.#clientEnded || this.#isOver || !this.#queue.isEmpty) return
    handler.onBody(this.#exchange, EMPTY, true)
    this.#over()
    handler.onFinish(this.#exchange)
  }

  /** Looks at what waits in uWS, and does what was to be done when it had left. @returns whether the owner has to wait */
  #settle(): boolean {
    const socket = this.#socket
    if (socket === null) return false
    const buffered = socket.getBufferedAmount()
    if (buffered > 0 && this.#isPaused) {
      // A write that fails has made uWS read again; and paused it will not tell of room.
      this.#throttle.pause(socket)
      this.#host.wheel.arm(this.#retry, RETRY_MS)
    }
    if (this.#ending !== null) {
      if (buffered > 0) return true
      if (this.#ending === 'cut') socket.close()
      else socket.end(this.#ending.code, this.#ending.reason)
      return false
    }
    if (buffered > HIGH_WATER_BYTES) this.#isWaiting = true
    else if (this.#isWaiting && buffered === 0) {
      this.#isWaiting = false
      this.#host.handler.onDrain(this.#exchange)
    }
    return this.#isWaiting
  }

  #onRetry(): void {
    // An empty `cork` makes uWS write what it has buffered.
    this.#socket?.cork(() => undefined)
    this.#settle()
  }

  #over(): void {
    this.#isOver = true
    this.#host.wheel.clear(this.#retry)
  }
}

/** What a close frame holds; a close without a code holds nothing. */
function closePayload(code: number, reason: Uint8Array): Uint8Array {
  if (code < 1000 || code === 1005 || code === ABNORMAL) return EMPTY
  const payload = new Uint8Array(2 + reason.length)
  payload[0] = code >> 8
  payload[1] = code & 0xff
  payload.set(reason, 2)
  return payload
}
