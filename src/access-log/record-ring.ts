/** Words of the head, each on a cache line of its own. */
const WRITTEN = 0
const READ = 16
const DROPPED = 32
const HEAD_BYTES = 256
/** Records begin at multiples of this, so that numbers in them are aligned. */
const ALIGN_BYTES = 8

/** Records of one thread that wait to be written: at 300 bytes each, some 3,500. */
export const RING_BYTES = 1024 * 1024

/** @param bytes power of two */
export function createRecordRing(bytes = RING_BYTES): SharedArrayBuffer {
  return new SharedArrayBuffer(HEAD_BYTES + bytes)
}

/** The room of a ring, as its two ends see it. The first number of a record is its size in bytes; 0: the next one is at the beginning. */
class RingMemory {
  readonly words: Int32Array
  readonly numbers: Float64Array
  readonly lengths: Uint16Array
  readonly bytes: Buffer
  readonly size: number

  constructor(ring: SharedArrayBuffer) {
    this.words = new Int32Array(ring, 0, HEAD_BYTES / 4)
    this.numbers = new Float64Array(ring, HEAD_BYTES)
    this.lengths = new Uint16Array(ring, HEAD_BYTES)
    this.bytes = Buffer.from(ring, HEAD_BYTES)
    this.size = this.bytes.length
  }
}

/**
 * Sessions on their way from the thread that had them to the one that writes their lines: a ring in shared memory. Who has a record never waits: one
 * that finds no room is dropped and counted. What is in there outlives the thread that wrote it.
 */
export class RecordWriter {
  /** The room, by its three views; indexes are offsets in bytes divided by the width of the view. */
  readonly numbers: Float64Array
  readonly lengths: Uint16Array
  readonly bytes: Buffer
  readonly #memory: RingMemory
  readonly #bell: Int32Array
  #used = 0
  #end = 0

  /** @param bell of the reader: rung when half of the ring is full */
  constructor(ring: SharedArrayBuffer, bell: SharedArrayBuffer) {
    this.#memory = new RingMemory(ring)
    this.numbers = this.#memory.numbers
    this.lengths = this.#memory.lengths
    this.bytes = this.#memory.bytes
    this.#bell = new Int32Array(bell)
  }

  /** Takes room for a record, to be filled before `commit`. @returns its offset in bytes; -1: there is none, and the record is counted as dropped */
  reserve(recordBytes: number): number {
    const { words, size } = this.#memory
    const needed = (recordBytes + ALIGN_BYTES - 1) & -ALIGN_BYTES
    const written = words[WRITTEN] ?? 0
    const used = (written - Atomics.load(words, READ)) >>> 0
    const at = written & (size - 1)
    // A record lies in one piece.
    const skipped = at + needed > size ? size - at : 0
    if (used + skipped + needed > size) {
      Atomics.add(words, DROPPED, 1)
      return -1
    }
    if (skipped > 0) this.numbers[at / ALIGN_BYTES] = 0
    const offset = skipped > 0 ? 0 : at
    this.numbers[offset / ALIGN_BYTES] = needed
    this.#used = used
    this.#end = (written + skipped + needed) | 0
    return offset
  }

  /** Shows what was reserved to the reader. */
  commit(): void {
    const { words, size } = this.#memory
    const added = (this.#end - (words[WRITTEN] ?? 0)) >>> 0
    Atomics.store(words, WRITTEN, this.#end)
    if (this.#used < size / 2 && this.#used + added >= size / 2) ring(this.#bell)
  }
}

/** Wakes the reader of all rings. */
export function ring(bell: Int32Array): void {
  Atomics.add(bell, 0, 1)
  Atomics.notify(bell, 0)
}

/** The reading end of one ring. */
export class RecordReader {
  readonly numbers: Float64Array
  readonly lengths: Uint16Array
  readonly bytes: Buffer
  readonly #memory: RingMemory

  constructor(ring: SharedArrayBuffer) {
    this.#memory = new RingMemory(ring)
    this.numbers = this.#memory.numbers
    this.lengths = this.#memory.lengths
    this.bytes = this.#memory.bytes
  }

  /** Hands over what waits, and then frees its room. @param take gets the offset of a record in bytes. @param atMost records. @returns how many there were */
  read(take: (offset: number) => void, atMost: number): number {
    const { words, size } = this.#memory
    const written = Atomics.load(words, WRITTEN)
    let read = words[READ] ?? 0
    let records = 0
    while (read !== written && records < atMost) {
      const at = read & (size - 1)
      const recordBytes = this.numbers[at / ALIGN_BYTES] ?? 0
      if (recordBytes === 0) {
        read = (read + size - at) | 0
        continue
      }
      take(at)
      records += 1
      read = (read + recordBytes) | 0
    }
    Atomics.store(words, READ, read)
    return records
  }

  /** Records that found no room since it was last asked. */
  takeDropped(): number {
    return Atomics.exchange(this.#memory.words, DROPPED, 0)
  }
}
