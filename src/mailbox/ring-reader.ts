import {
  ASLEEP,
  BLOCKED,
  CONTROL_BYTES,
  frameBytes,
  HEADER_BYTES,
  KIND_PAD,
  READ,
  WRITTEN,
} from './ring-layout.js'

/** The ring holds something that no producer of ours writes: the peer is not to be trusted any more. */
export class RingCorrupt extends Error {
  override readonly name = 'RingCorrupt'
}

/**
 * The consumer's end of a ring. After {@link RingReader.next} the fields describe the current frame; its payload is
 * `bytes[offset, offset + length)` and stays valid until the next call of `next` or `release`.
 */
export class RingReader {
  readonly bytes: Buffer
  /** What {@link RingReader.bytes} lie in: asking them for it leaves compiled code. */
  readonly memory: SharedArrayBuffer
  kind = 0
  slot = 0
  generation = 0
  offset = 0
  length = 0
  a = 0
  b = 0
  readonly #control: Int32Array
  readonly #words: Int32Array
  readonly #capacity: number
  readonly #mask: number
  #position: number
  #written: number

  constructor(buffer: SharedArrayBuffer) {
    this.#capacity = buffer.byteLength - CONTROL_BYTES
    this.#mask = this.#capacity - 1
    this.#control = new Int32Array(buffer, 0, CONTROL_BYTES / 4)
    this.#words = new Int32Array(buffer, CONTROL_BYTES)
    this.bytes = Buffer.from(buffer, CONTROL_BYTES)
    this.memory = buffer
    this.#position = Atomics.load(this.#control, READ) >>> 0
    this.#written = this.#position
  }

  /** Steps to the next frame. @returns false when there is none. @throws RingCorrupt */
  next(): boolean {
    for (;;) {
      if (this.#position === this.#written) {
        this.#written = Atomics.load(this.#control, WRITTEN) >>> 0
        if (this.#position === this.#written) return false
      }
      const available = (this.#written - this.#position) >>> 0
      if (available > this.#capacity) throw new RingCorrupt(`${available} bytes published at once`)
      const at = this.#position & this.#mask
      const toEnd = this.#capacity - at
      if (toEnd < HEADER_BYTES) {
        this.#position = (this.#position + toEnd) >>> 0
        continue
      }
      const word = at >> 2
      const length = this.#words[word] ?? -1
      const kind = this.#words[word + 1] ?? 0
      const size = frameBytes(length)
      // The length is looked at by itself too: near 2^31 the rounded size wraps to a negative number.
      if (length < 0 || length > toEnd || size > toEnd || size > available) {
        throw new RingCorrupt(`frame of ${length} bytes at ${at} does not fit what was published`)
      }
      this.#position = (this.#position + size) >>> 0
      if (kind === KIND_PAD) continue
      this.kind = kind
      this.length = length
      this.slot = this.#words[word + 2] ?? 0
      this.generation = this.#words[word + 3] ?? 0
      this.a = this.#words[word + 4] ?? 0
      this.b = this.#words[word + 5] ?? 0
      this.offset = at + HEADER_BYTES
      return true
    }
  }

  /** Gives the room of all frames read so far back. @returns true if the producer waits for it: ring its bell. */
  release(): boolean {
    Atomics.store(this.#control, READ, this.#position | 0)
    return Atomics.compareExchange(this.#control, BLOCKED, 1, 0) === 1
  }

  /** Announces that the consumer will sleep. @returns false if frames came in meanwhile: do not sleep. */
  sleep(): boolean {
    Atomics.store(this.#control, ASLEEP, 1)
    if (Atomics.load(this.#control, WRITTEN) >>> 0 === this.#position) return true
    Atomics.store(this.#control, ASLEEP, 0)
    return false
  }

  /** Takes the announcement back: the consumer is at work anyhow and will look before it sleeps. */
  stayAwake(): void {
    Atomics.store(this.#control, ASLEEP, 0)
  }
}
