import { randomFillSync } from 'node:crypto'

/** Longest piece that is handed over at once. */
const PIECE_BYTES = 65_536
/** Where a payload begins in the scratch buffer: behind the longest head, and aligned for the mask. */
const PAYLOAD_AT = 16
const scratch = new Uint8Array(PAYLOAD_AT + PIECE_BYTES)
const scratchWords = new Uint32Array(scratch.buffer, PAYLOAD_AT)

const keys = new Uint8Array(4096)
let keysUsed = keys.length

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
      frame.mask = nextKey()
      from = writeHead(frame.opcode, frame.size, frame.mask)
    }
    const piece = frame.bytes.subarray(0, PIECE_BYTES)
    scratch.set(piece, PAYLOAD_AT)
    // Pieces but the last are a multiple of four long, so that every one begins with the first byte of the mask.
    const word = new Uint32Array(frame.mask.buffer, frame.mask.byteOffset, 1)[0] ?? 0
    const words = (piece.length + 3) >> 2
    for (let i = 0; i < words; i += 1) scratchWords[i] = (scratchWords[i] ?? 0) ^ word
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

/** Writes the head of a frame so that it ends where payloads begin. @returns where it begins */
function writeHead(opcode: number, size: number, mask: Uint8Array): number {
  const extended = size < 126 ? 0 : size < 65_536 ? 2 : 8
  const at = PAYLOAD_AT - 6 - extended
  scratch[at] = 0x80 | opcode
  scratch[at + 1] = 0x80 | (extended === 0 ? size : extended === 2 ? 126 : 127)
  const view = new DataView(scratch.buffer)
  if (extended === 2) view.setUint16(at + 2, size)
  if (extended === 8) view.setBigUint64(at + 2, BigInt(size))
  scratch.set(mask, PAYLOAD_AT - 4)
  return at
}

/** Four random bytes, aligned: a mask must not be foreseeable (RFC 6455 §10.3). */
function nextKey(): Uint8Array {
  if (keysUsed === keys.length) {
    randomFillSync(keys)
    keysUsed = 0
  }
  keysUsed += 4
  return keys.slice(keysUsed - 4, keysUsed)
}
