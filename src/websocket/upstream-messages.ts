import { BINARY, CLOSE, CONTINUATION, FrameReader, type FrameSink, TEXT } from './frame-reader.js'
import { type InflateSink, inflateAtOnce, MessageInflater } from './inflate-message.js'
import { PieceFeed, type PieceReader } from './piece-feed.js'
import { closePayload, serverHead } from './server-frame.js'

const FIN = 0x80
const PROTOCOL_ERROR = 1002
const BROKEN_MESSAGE = 1007
const MESSAGE_TOO_BIG = 1009
/** Frames up to this size are passed on in one piece with their head. */
const JOINED_BYTES = 16_384
/** So many messages are opened in one turn of the loop: some milliseconds. */
const AT_ONCE_PER_TURN = 64

export interface UpstreamMessagesOptions {
  /** Largest message that is opened, bytes, counted when it is open. */
  readonly maxMessageBytes: number
  /** Compressed messages of up to that size are passed on in one frame; larger ones in fragments, as they are opened. */
  readonly wholeBytes: number
}

export interface UpstreamMessagesSink {
  /** Frames of a server, none compressed; valid only during the call. */
  onFrames(bytes: Uint8Array): void
  /** Nothing waits any more. */
  onFree(): void
  /** It has broken the protocol; a close frame that says so was passed on. Last event. */
  onFault(code: number, problem: string): void
}

/**
 * What an upstream sends over a WebSocket with permessage-deflate, as it would be without: frames that are not compressed keep their
 * order and their form, messages that are compressed are opened. While one is, or nothing can be passed on, all that follows waits.
 */
export class UpstreamMessages implements FrameSink, InflateSink, PieceReader {
  readonly #options: UpstreamMessagesOptions
  readonly #sink: UpstreamMessagesSink
  readonly #reader: FrameReader
  readonly #feed = new PieceFeed(this)
  #inflater: MessageInflater | null = null
  /** The inflater has not used up what it was given. */
  #isInflating = false
  #isPaused = false
  #hasToYield = false
  #atOnceLeft = AT_ONCE_PER_TURN
  #isOver = false
  /** Of the message that is opened in pieces. */
  #opcode = TEXT
  #messageBytes = 0
  #hasBegun = false
  #gathered: Uint8Array[] = []

  constructor(options: UpstreamMessagesOptions, sink: UpstreamMessagesSink) {
    this.#options = options
    this.#sink = sink
    this.#reader = new FrameReader(this, { wholeBytes: options.wholeBytes, takesCompressed: true })
  }

  get isHeld(): boolean {
    return this.#isOver || this.#isPaused || this.#isInflating || this.#hasToYield
  }

  /** All that came was passed on. */
  get isFree(): boolean {
    return this.#feed.isEmpty && !this.#isInflating
  }

  /** Bytes of the upstream; valid only during the call. */
  add(bytes: Uint8Array): void {
    if (!this.#isOver) this.#feed.add(bytes)
  }

  /** Nothing more can be passed on. */
  pause(): void {
    this.#isPaused = true
    this.#reader.isHeld = true
    this.#inflater?.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#inflater?.resume()
    this.#go()
  }

  /** Nothing is heard of it any more. */
  close(): void {
    this.#isOver = true
    this.#reader.isHeld = true
    this.#feed.clear()
    this.#inflater?.abort()
    this.#gathered = []
  }

  read(bytes: Uint8Array): number {
    const used = this.#reader.read(bytes)
    if (this.#reader.problem !== '') this.#fail(PROTOCOL_ERROR, this.#reader.problem)
    return used
  }

  onControl(opcode: number, payload: Uint8Array): void {
    this.#pass(FIN | opcode, payload)
  }

  onPiece(piece: Uint8Array, isBinary: boolean, isFirst: boolean, isLast: boolean): void {
    const opcode = isBinary ? BINARY : TEXT
    if (!this.#reader.isCompressed) {
      this.#pass((isLast ? FIN : 0) | (isFirst ? opcode : CONTINUATION), piece)
      return
    }
    if (isFirst && isLast && this.#openAtOnce(opcode, piece)) return
    if (isFirst) {
      this.#opcode = opcode
      this.#messageBytes = 0
      this.#hasBegun = false
      this.#inflater = new MessageInflater(this)
    }
    this.#isInflating = true
    this.#reader.isHeld = true
    this.#inflater?.add(new Uint8Array(piece), isLast)
  }

  onInflated(piece: Uint8Array): void {
    this.#messageBytes += piece.length
    const { maxMessageBytes, wholeBytes } = this.#options
    if (this.#messageBytes > maxMessageBytes) {
      this.#fail(
        MESSAGE_TOO_BIG,
        `the upstream has sent a compressed message of more than ${maxMessageBytes} bytes`,
      )
      return
    }
    this.#gathered.push(piece)
    if (this.#messageBytes > wholeBytes) this.#passGathered(false)
  }

  onHungry(): void {
    this.#isInflating = false
    this.#go()
  }

  onWhole(): void {
    this.#inflater = null
    this.#isInflating = false
    this.#passGathered(true)
    this.#go()
  }

  onBroken(): void {
    this.#fail(BROKEN_MESSAGE, 'the upstream has sent a compressed message that cannot be opened')
  }

  #openAtOnce(opcode: number, payload: Uint8Array): boolean {
    const message = inflateAtOnce(payload)
    if (message === 'broken') this.onBroken()
    else if (message === 'later' || message.length > this.#options.maxMessageBytes) return false
    else this.#pass(FIN | opcode, message)
    this.#atOnceLeft -= 1
    if (this.#atOnceLeft === 0) this.#yield()
    return true
  }

  #passGathered(isLast: boolean): void {
    const pieces = this.#gathered
    this.#gathered = []
    const bytes = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
    const opcode = this.#hasBegun ? CONTINUATION : this.#opcode
    this.#hasBegun = true
    this.#pass((isLast ? FIN : 0) | opcode, bytes)
  }

  #pass(first: number, payload: Uint8Array): void {
    if (this.#isOver) return
    const head = serverHead(first, payload.length)
    if (payload.length <= JOINED_BYTES) {
      this.#sink.onFrames(Buffer.concat([head, payload]))
      return
    }
    this.#sink.onFrames(head)
    this.#sink.onFrames(payload)
  }

  /** What waits goes on in the next turn: others of this thread have to get theirs. */
  #yield(): void {
    this.#hasToYield = true
    this.#reader.isHeld = true
    setImmediate(() => {
      this.#hasToYield = false
      this.#atOnceLeft = AT_ONCE_PER_TURN
      this.#go()
    })
  }

  #go(): void {
    if (this.isHeld) return
    this.#reader.isHeld = false
    if (this.#feed.go() && this.isFree && !this.#isOver) this.#sink.onFree()
  }

  #fail(code: number, problem: string): void {
    if (this.#isOver) return
    this.#pass(FIN | CLOSE, closePayload(code, ''))
    this.close()
    this.#sink.onFault(code, problem)
  }
}
