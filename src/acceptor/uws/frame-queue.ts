import { applyMask, nextMask, writeMaskedHead } from '../../websocket/index.js'

/** Longest piece that is handed over at once. */
const PIECE_BYTES = 65_536
/** Where a payload begins in the scratch buffer: behind the longest head, and aligned for the mask. */
const PAYLOAD_AT = 16
const scratch = new Uint8Array(PAYLOAD_AT + PIECE_BYTES)
const scratchWords = new Uint32Array(scratch.buffer, PAYLOAD_AT)

/** A frame on its way. */
interface QueuedFrame {
  readonly opcode: number
  readonly size: number
  /** What is left of the payload. */
  bytes: Uint8Array
  /** The bytes are somebody else's, valid during the call in which they came. */
  isBorrowed: boolean
  /** The masking key as four bytes; null until the head was handed over. */
  mask: Uint8Array | null
}

/**
 * Frames towards an upstream, as a client sends them (RFC 6455 §5.2, §5.3): each with a fresh mask, which is laid over a piece when it
 * is handed over. What is not handed over at once is copied.
 */
export class FrameQueue {
  /** Bytes of payload that wait. */
  waitingBytes = 0
  readonly #frames: QueuedFrame[] = []

  get isEmpty(): boolean {
    return this.#frames.length === 0
  }

  /** @param bytes valid only during the call; call {@link FrameQueue.keep} before it returns */
  add(opcode: number, bytes: Uint8Array): void {
    this.waitingBytes += bytes.length
    this.#frames.push({ opcode, size: bytes.length, bytes, isBorrowed: true, mask: null })
  }

  /** The next piece, head of the frame included: a view that is valid until the next call. Null when nothing waits. */
  next(): Uint8Array | null {
    const frame = this.#frames[0]
    if (frame === undefined) return null
    let from = PAYLOAD_AT
    if (frame.mask === null) {
      frame.mask = nextMask()
      from = writeMaskedHead(scratch, PAYLOAD_AT, 0x80 | frame.opcode, frame.size, frame.mask)
    }
    const piece = frame.bytes.subarray(0, PIECE_BYTES)
    scratch.set(piece, PAYLOAD_AT)
    // Pieces but the last are a multiple of four long, so that every one begins with the first byte of the mask.
    applyMask(scratchWords, piece.length, frame.mask)
    frame.bytes = frame.bytes.subarray(piece.length)
    this.waitingBytes -= piece.length
    if (frame.bytes.length === 0) this.#frames.shift()
    return scratch.subarray(from, PAYLOAD_AT + piece.length)
  }

  /** Copies what was lent. */
  keep(): void {
    for (let i = this.#frames.length - 1; i >= 0; i -= 1) {
      const frame = this.#frames[i]
      if (frame === undefined || !frame.isBorrowed) return
      frame.bytes = new Uint8Array(frame.bytes)
      frame.isBorrowed = false
    }
  }

  clear(): void {
    this.#frames.length = 0
    this.waitingBytes = 0
  }
}
