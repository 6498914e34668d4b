import { writeLatin1 } from '../memory/index.js'

/** Words of the head, each on a cache line of its own. */
const WRITTEN = 0
const READ = 16
const DROPPED = 32
const HEAD_BYTES = 256

/** Lines of one thread that wait to be written: at 300 bytes each, some 3,500. */
export const RING_BYTES = 1024 * 1024

/** @param bytes power of two */
export function createLineRing(bytes = RING_BYTES): SharedArrayBuffer {
  return new SharedArrayBuffer(HEAD_BYTES + bytes)
}

/**
 * Lines on their way from one thread to the one that writes them: a ring in shared memory. Who has a line never waits: one that finds no room is
 * dropped and counted. What is in there outlives the thread that wrote it.
 */
export class LineWriter {
  readonly #words: Int32Array
  readonly #bytes: Buffer
  readonly #size: number
  readonly #bell: Int32Array

  /** @param bell of the reader: rung when half of the ring is full */
  constructor(ring: SharedArrayBuffer, bell: SharedArrayBuffer) {
    this.#words = new Int32Array(ring, 0, HEAD_BYTES / 4)
    this.#bytes = Buffer.from(ring, HEAD_BYTES)
    this.#size = this.#bytes.length
    this.#bell = new Int32Array(bell)
  }

  /** @param line ASCII, with its end. @returns false when it was dropped */
  write(line: string): boolean {
    const words = this.#words
    const { length } = line
    const written = words[WRITTEN] ?? 0
    const used = (written - Atomics.load(words, READ)) >>> 0
    if (used + length > this.#size) {
      Atomics.add(words, DROPPED, 1)
      return false
    }
    const at = written & (this.#size - 1)
    const first = this.#size - at
    if (length <= first) writeLatin1(this.#bytes, line, at)
    else {
      writeLatin1(this.#bytes, line.slice(0, first), at)
      writeLatin1(this.#bytes, line.slice(first), 0)
    }
    Atomics.store(words, WRITTEN, (written + length) | 0)
    const half = this.#size / 2
    if (used < half && used + length >= half) ring(this.#bell)
    return true
  }
}

/** Wakes the reader of all rings. */
export function ring(bell: Int32Array): void {
  Atomics.add(bell, 0, 1)
  Atomics.notify(bell, 0)
}

/** The reading end of one ring. */
export class LineReader {
  readonly #words: Int32Array
  readonly #bytes: Buffer

  constructor(ring: SharedArrayBuffer) {
    this.#words = new Int32Array(ring, 0, HEAD_BYTES / 4)
    this.#bytes = Buffer.from(ring, HEAD_BYTES)
  }

  /** Moves whole lines into `into`, as many as fit. @returns bytes */
  take(into: Buffer): number {
    const read = this.#words[READ] ?? 0
    const waiting = (Atomics.load(this.#words, WRITTEN) - read) >>> 0
    const at = read & (this.#bytes.length - 1)
    const bytes = Math.min(waiting, into.length)
    const first = Math.min(bytes, this.#bytes.length - at)
    this.#bytes.copy(into, 0, at, at + first)
    if (first < bytes) this.#bytes.copy(into, first, 0, bytes - first)
    // A line is published whole: only room in `into` can cut one.
    const taken = bytes === waiting ? bytes : into.lastIndexOf(10, bytes - 1) + 1
    Atomics.store(this.#words, READ, (read + taken) | 0)
    return taken
  }

  /** Lines that found no room since it was last asked. */
  takeDropped(): number {
    return Atomics.exchange(this.#words, DROPPED, 0)
  }
}
