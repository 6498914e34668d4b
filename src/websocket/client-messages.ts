import { deflateMessage } from './deflate-message.js'
import { BINARY, COMPRESSED, TEXT } from './frame-reader.js'
import { applyMask, maskedFrame } from './masked-frames.js'
import { LEAST_COMPRESSED_BYTES } from './permessage-deflate.js'
import { PieceFeed, type PieceReader } from './piece-feed.js'

const FIN = 0x80
const LONGEST_HEAD_BYTES = 14
/** So many messages are compressed at once in one turn of the loop: some milliseconds. */
const AT_ONCE_PER_TURN = 64
const EMPTY = new Uint8Array(0)

export interface ClientMessagesSink {
  /**
   * Frames for the upstream; valid only during the call, perhaps none.
   * @param takenBytes how many of those that came are dealt with by this
   */
  onFrames(bytes: Uint8Array, takenBytes: number): void
  /** Nothing waits any more. */
  onFree(): void
}

/**
 * What an acceptor sends that speaks WebSocket with the client itself: masked frames, each message in one of them. Messages
 * that are worth it are compressed for the upstream, all else stays as it is.
 */
export class ClientMessages implements PieceReader {
  isHeld = false
  readonly #maxBytes: number
  readonly #sink: ClientMessagesSink
  readonly #feed = new PieceFeed(this)
  readonly #head = new Uint8Array(LONGEST_HEAD_BYTES)
  #headBytes = 0
  /** Of the current frame's payload; -1 while its head is incomplete. */
  #left = -1
  /** The message that is to be compressed, masked; null when the frame passes as it is. */
  #message: Uint32Array | null = null
  #messageBytes = 0
  #isOver = false
  #atOnceLeft = AT_ONCE_PER_TURN
  #out: Uint8Array[] = []

  /** @param maxBytes longest message that is compressed */
  constructor(maxBytes: number, sink: ClientMessagesSink) {
    this.#maxBytes = maxBytes
    this.#sink = sink
  }

  get isFree(): boolean {
    return !this.isHeld && this.#feed.isEmpty
  }

  /** @param bytes valid only during the call */
  add(bytes: Uint8Array): void {
    if (!this.#isOver) this.#feed.add(bytes)
  }

  close(): void {
    this.#isOver = true
    this.#feed.clear()
  }

  read(bytes: Uint8Array): number {
    let at = 0
    while (at < bytes.length && !this.isHeld) {
      if (this.#left < 0) {
        at = this.#readHead(bytes, at)
        continue
      }
      const piece = bytes.subarray(at, at + this.#left)
      at += piece.length
      this.#left -= piece.length
      this.#take(piece)
      if (this.#left === 0) this.#left = -1
    }
    const out = this.#out
    this.#out = []
    this.#sink.onFrames(out.length === 1 ? (out[0] ?? EMPTY) : Buffer.concat(out), at)
    return at
  }

  #readHead(bytes: Uint8Array, from: number): number {
    const head = this.#head
    for (let at = from; at < bytes.length; at += 1) {
      head[this.#headBytes] = bytes[at] ?? 0
      this.#headBytes += 1
      if (this.#headBytes < headLength(head, this.#headBytes)) continue
      this.#begin(this.#headBytes)
      this.#headBytes = 0
      return at + 1
    }
    return bytes.length
  }

  #begin(headBytes: number): void {
    const head = this.#head
    const first = head[0] ?? 0
    const size = payloadLength(head)
    const isMessage = first === (FIN | TEXT) || first === (FIN | BINARY)
    this.#left = size === 0 ? -1 : size
    if (isMessage && size >= LEAST_COMPRESSED_BYTES && size <= this.#maxBytes) {
      this.#message = new Uint32Array((size + 3) >> 2)
      this.#messageBytes = 0
    } else this.#out.push(head.slice(0, headBytes))
  }

  #take(piece: Uint8Array): void {
    const message = this.#message
    if (message === null) {
      this.#out.push(piece)
      return
    }
    new Uint8Array(message.buffer).set(piece, this.#messageBytes)
    this.#messageBytes += piece.length
    if (this.#left > 0) return
    this.#message = null
    const size = this.#messageBytes
    const maskAt = size < 126 ? 2 : size < 65_536 ? 4 : 10
    applyMask(message, size, this.#head.slice(maskAt, maskAt + 4))
    this.#compress(this.#head[0] ?? 0, new Uint8Array(message.buffer, 0, size))
  }

  #compress(first: number, message: Uint8Array): void {
    let isNow = true
    this.isHeld = true
    deflateMessage(message, (deflated) => {
      const frame =
        deflated === null ? maskedFrame(first, message) : maskedFrame(first | COMPRESSED, deflated)
      this.isHeld = false
      if (isNow) this.#out.push(frame)
      else this.#goOn(frame)
    })
    isNow = false
    if (this.isHeld) return
    this.#atOnceLeft -= 1
    if (this.#atOnceLeft === 0) this.#yield()
  }

  /** What waits goes on in the next turn: others of this thread have to get theirs. */
  #yield(): void {
    this.isHeld = true
    setImmediate(() => {
      this.isHeld = false
      this.#atOnceLeft = AT_ONCE_PER_TURN
      this.#goOn(EMPTY)
    })
  }

  #goOn(frame: Uint8Array): void {
    if (this.#isOver) return
    this.#sink.onFrames(frame, 0)
    if (this.#feed.go() && !this.isHeld) this.#sink.onFree()
  }
}

/** Bytes of a masked frame's head; more than there are until that is known. */
function headLength(head: Uint8Array, known: number): number {
  if (known < 2) return LONGEST_HEAD_BYTES + 1
  const short = (head[1] ?? 0) & 0x7f
  return short === 126 ? 8 : short === 127 ? 14 : 6
}

function payloadLength(head: Uint8Array): number {
  const view = new DataView(head.buffer)
  const short = (head[1] ?? 0) & 0x7f
  if (short < 126) return short
  return short === 126 ? view.getUint16(2) : view.getUint32(2) * 0x1_0000_0000 + view.getUint32(6)
}
