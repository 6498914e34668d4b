/** Opcodes of RFC 6455 §5.2. */
export const CONTINUATION = 0
export const TEXT = 1
export const BINARY = 2
export const CLOSE = 8
export const PING = 9
export const PONG = 10

/** What a {@link FrameReader} finds. Pieces are valid only during the call. */
export interface FrameSink {
  /** A piece of a message; the pieces of a message follow each other. @param isBinary the same for all of them */
  onPiece(piece: Uint8Array, isBinary: boolean, isFirst: boolean, isLast: boolean): void
  /** A control frame: close, ping or pong. */
  onControl(opcode: number, payload: Uint8Array): void
}

/** RSV1: the message is compressed (RFC 7692 §6). */
export const COMPRESSED = 0x40
const RESERVED = 0x70

/** Frames up to this size are passed on whole, so that what was one frame stays one. */
const WHOLE_BYTES = 16_384
const LONGEST_HEAD_BYTES = 10
const LONGEST_CONTROL_BYTES = 125
const EMPTY = new Uint8Array(0)

export interface FrameReaderOptions {
  /** Frames of up to that size are passed on whole too, bytes. Default 16 KiB. */
  readonly wholeBytes?: number
  /** permessage-deflate was agreed on (RFC 7692 §6): messages may be compressed. Default false. */
  readonly takesCompressed?: boolean
}

/**
 * Incremental reader of what a server sends over a WebSocket (RFC 6455 §5): strict, and without a message
 * ever being whole in memory. Frames that are larger than 16 KiB are passed on as they come.
 */
export class FrameReader {
  /** What is off the grammar; '' while nothing is. Then nothing more is read. */
  problem = ''
  /** Set by the sink: it takes no more, and `read` returns behind the piece that it has got. */
  isHeld = false
  /** The message whose pieces are passed on is compressed. */
  isCompressed = false
  readonly #sink: FrameSink
  readonly #gatheredBytes: number
  readonly #takesCompressed: boolean
  readonly #head = new Uint8Array(LONGEST_HEAD_BYTES)
  #headBytes = 0
  /** Of the current frame; -1 while its head is incomplete. */
  #left = -1
  #opcode = 0
  #isFinal = false
  #isBinary = false
  #inMessage = false
  /** The message has a piece already. */
  #hasBegun = false
  /** Nothing of the current frame was passed on yet. */
  #isFresh = true
  #whole: Uint8Array | null = null
  #wholeBytes = 0

  constructor(sink: FrameSink, options: FrameReaderOptions = {}) {
    this.#sink = sink
    this.#gatheredBytes = Math.max(WHOLE_BYTES, options.wholeBytes ?? 0)
    this.#takesCompressed = options.takesCompressed ?? false
  }

  /** @returns how many of the bytes were read: all of them, unless it was held or met a problem */
  read(chunk: Uint8Array): number {
    let at = 0
    while (this.problem === '' && !this.isHeld) {
      if (this.#left < 0) {
        if (at === chunk.length) return at
        at = this.#readHead(chunk, at)
        if (this.#left < 0) continue
      }
      // The head alone may end an empty frame.
      if (at === chunk.length && this.#left > 0) return at
      const end = Math.min(chunk.length, at + this.#left)
      const piece = chunk.subarray(at, end)
      at = end
      this.#left -= piece.length
      this.#take(piece)
      if (this.#left === 0) this.#left = -1
    }
    return at
  }

  #take(piece: Uint8Array): void {
    const isDone = this.#left === 0
    let bytes = piece
    if (this.#whole !== null) {
      this.#whole.set(piece, this.#wholeBytes)
      this.#wholeBytes += piece.length
      if (!isDone) return
      bytes = this.#whole
      this.#whole = null
    } else if (!isDone && piece.length + this.#left <= this.#gatheredBytes && this.#isFresh) {
      this.#whole = new Uint8Array(piece.length + this.#left)
      this.#whole.set(piece)
      this.#wholeBytes = piece.length
      return
    }
    this.#isFresh = false
    if (this.#opcode >= CLOSE) this.#sink.onControl(this.#opcode, bytes)
    else this.#pass(bytes, isDone && this.#isFinal)
  }

  #pass(bytes: Uint8Array, isLast: boolean): void {
    const isFirst = !this.#hasBegun
    if (bytes.length === 0 && !isLast) return
    this.#hasBegun = true
    if (isLast) this.#inMessage = false
    this.#sink.onPiece(bytes, this.#isBinary, isFirst, isLast)
  }

  #readHead(chunk: Uint8Array, from: number): number {
    const head = this.#head
    let at = from
    while (at < chunk.length) {
      head[this.#headBytes] = chunk[at] ?? 0
      this.#headBytes += 1
      at += 1
      if (this.#headBytes === headLength(head, this.#headBytes)) {
        this.#headBytes = 0
        this.#begin(head)
        return at
      }
    }
    return at
  }

  #begin(head: Uint8Array): void {
    const first = head[0] ?? 0
    const second = head[1] ?? 0
    const opcode = first & 0x0f
    const isFinal = first >= 0x80
    const isCompressed = (first & COMPRESSED) !== 0
    if ((first & (this.#takesCompressed ? RESERVED & ~COMPRESSED : RESERVED)) !== 0)
      this.#fail('a reserved bit without an extension')
    else if (isCompressed && opcode !== TEXT && opcode !== BINARY)
      this.#fail('the mark of a compressed message where none begins')
    else if (second >= 0x80) this.#fail('a masked frame')
    else if (opcode > PONG || (opcode > BINARY && opcode < CLOSE)) this.#fail('an unknown opcode')
    else if (opcode >= CLOSE && (!isFinal || second > LONGEST_CONTROL_BYTES))
      this.#fail('a control frame that is not one')
    else if (opcode === CONTINUATION ? !this.#inMessage : opcode < CLOSE && this.#inMessage) {
      this.#fail('a fragment out of order')
    }
    if (this.problem !== '') return
    const size = payloadLength(head)
    if (size < 0) {
      this.#fail('a length that cannot be')
      return
    }
    this.#opcode = opcode
    this.#left = size
    this.#isFresh = true
    if (opcode >= CLOSE) return
    this.#isFinal = isFinal
    if (opcode === CONTINUATION) return
    this.#inMessage = true
    this.#hasBegun = false
    this.#isBinary = opcode === BINARY
    this.isCompressed = isCompressed
  }

  #fail(what: string): void {
    this.problem = `the upstream has sent ${what}`
  }
}

/** Bytes of a frame's head without a mask; more than there are until that is known. */
function headLength(head: Uint8Array, known: number): number {
  if (known < 2) return LONGEST_HEAD_BYTES + 1
  const length = (head[1] ?? 0) & 0x7f
  return length === 126 ? 4 : length === 127 ? 10 : 2
}

/** -1 when it is longer than a number can tell. */
function payloadLength(head: Uint8Array): number {
  const short = (head[1] ?? 0) & 0x7f
  const view = new DataView(head.buffer)
  if (short < 126) return short
  if (short === 126) return view.getUint16(2)
  const length = view.getUint32(2) * 0x1_0000_0000 + view.getUint32(6)
  return Number.isSafeInteger(length) ? length : -1
}

/** Code and reason of a close frame; 1005 is no code (RFC 6455 §7.4.1). */
export function closeOf(payload: Uint8Array): { readonly code: number; readonly reason: Uint8Array } {
  if (payload.length < 2) return { code: 1005, reason: EMPTY }
  return { code: ((payload[0] ?? 0) << 8) | (payload[1] ?? 0), reason: new Uint8Array(payload.subarray(2)) }
}
