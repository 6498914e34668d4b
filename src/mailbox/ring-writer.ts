import {
  ALIGN,
  ASLEEP,
  BLOCKED,
  CONTROL_BYTES,
  frameBytes,
  HEADER_BYTES,
  KIND_PAD,
  READ,
  WRITTEN,
} from './ring-layout.js'

/**
 * The producer's end of a single-producer single-consumer ring. Frames are written in place and become visible together
 * with {@link RingWriter.publish}: a producer that dies before it leaves nothing half-written behind.
 */
export class RingWriter {
  /** The data area, for writing the payload at the offset that {@link RingWriter.reserve} returned. */
  readonly bytes: Buffer
  /** Largest payload that a ring of this size takes: a frame never fills more than a quarter. */
  readonly maxPayloadBytes: number
  readonly #control: Int32Array
  readonly #words: Int32Array
  readonly #capacity: number
  readonly #mask: number
  #written: number
  #published: number
  #read: number
  /** Frames were published and the consumer not yet looked after: with frames that must not wait, or when room is needed. */
  #owesBell = false

  constructor(buffer: SharedArrayBuffer) {
    this.#capacity = buffer.byteLength - CONTROL_BYTES
    this.#mask = this.#capacity - 1
    this.#control = new Int32Array(buffer, 0, CONTROL_BYTES / 4)
    this.#words = new Int32Array(buffer, CONTROL_BYTES)
    this.bytes = Buffer.from(buffer, CONTROL_BYTES)
    this.maxPayloadBytes = this.#capacity / 4 - HEADER_BYTES - ALIGN
    this.#written = Atomics.load(this.#control, WRITTEN) >>> 0
    this.#published = this.#written
    this.#read = Atomics.load(this.#control, READ) >>> 0
  }

  /**
   * Writes a frame header and makes room for its payload.
   * @param payloadBytes at most {@link RingWriter.maxPayloadBytes}, which the caller sees to: more may never find room
   * @returns the payload's offset in {@link RingWriter.bytes}, or -1 when the ring is full; then the consumer rings the bell once
   * it has made room.
   */
  reserve(kind: number, slot: number, generation: number, payloadBytes: number, a = 0, b = 0): number {
    const size = frameBytes(payloadBytes)
    const at = this.#written & this.#mask
    const toEnd = this.#capacity - at
    const need = size <= toEnd ? size : toEnd + size
    if (!this.#hasRoom(need)) return -1
    let start = at
    if (size > toEnd) {
      if (toEnd >= HEADER_BYTES) {
        this.#words[at >> 2] = toEnd - HEADER_BYTES
        this.#words[(at >> 2) + 1] = KIND_PAD
      }
      start = 0
    }
    const word = start >> 2
    this.#words[word] = payloadBytes
    this.#words[word + 1] = kind
    this.#words[word + 2] = slot
    this.#words[word + 3] = generation
    this.#words[word + 4] = a
    this.#words[word + 5] = b
    this.#written = (this.#written + need) >>> 0
    return start + HEADER_BYTES
  }

  /**
   * Makes all frames since the last call visible.
   * @param quietly leave a sleeping consumer asleep: it finds the frames when it wakes for another reason
   * @returns true if the consumer sleeps and should not: ring its bell
   */
  publish(quietly = false): boolean {
    if (this.#written !== this.#published) {
      this.#published = this.#written
      Atomics.store(this.#control, WRITTEN, this.#written | 0)
      this.#owesBell = true
    }
    if (quietly || !this.#owesBell) return false
    this.#owesBell = false
    return Atomics.compareExchange(this.#control, ASLEEP, 1, 0) === 1
  }

  get hasUnpublished(): boolean {
    return this.#written !== this.#published
  }

  /** Bytes free, as far as the consumer has shown. */
  get freeBytes(): number {
    this.#read = Atomics.load(this.#control, READ) >>> 0
    return this.#capacity - ((this.#written - this.#read) >>> 0)
  }

  #hasRoom(need: number): boolean {
    if (this.#capacity - ((this.#written - this.#read) >>> 0) >= need) return true
    if (this.freeBytes >= need) return true
    // Say that we wait, then look once more: the consumer may have released in between.
    Atomics.store(this.#control, BLOCKED, 1)
    if (this.freeBytes < need) return false
    Atomics.store(this.#control, BLOCKED, 0)
    return true
  }
}
