import {
  COUNT_WORDS,
  COUNTS,
  type Count,
  ENTRY,
  ENTRY_WORDS,
  QUEUE,
  QUEUE_WORDS,
  STATE,
  type StoreLayout,
  TOP,
} from './layout.js'
import type { StoreMemory } from './types.js'

const FIRST = 0
const LAST = 1
const COUNT = 2
const UNITS = 3

/**
 * Rows of entries, the buckets that lead to them, the queues they stand in, and which thread holds which of them. An entry is named by its row,
 * from 1 on. What changes rows, buckets and queues runs under the lock of the store; what looks does not.
 */
export class EntryTable {
  readonly words: Int32Array
  readonly times: Float64Array
  readonly layout: StoreLayout
  readonly thread: number
  readonly #pins: Uint16Array
  readonly #counts: Float64Array

  constructor(memory: StoreMemory, layout: StoreLayout, thread: number) {
    this.layout = layout
    this.thread = thread
    this.words = new Int32Array(memory.tables, 0, layout.pins / 2)
    this.times = new Float64Array(memory.tables, 0, layout.pins / 4)
    this.#pins = new Uint16Array(memory.tables, 0, layout.marks / 2)
    this.#counts = new Float64Array(memory.tables, layout.counts * 4, (layout.threads * COUNT_WORDS) / 2)
  }

  /** First word of an entry. */
  at(entry: number): number {
    return this.layout.entriesAt + entry * ENTRY_WORDS
  }

  get(entry: number, word: number): number {
    return this.words[this.layout.entriesAt + entry * ENTRY_WORDS + word] ?? 0
  }

  set(entry: number, word: number, value: number): void {
    this.words[this.layout.entriesAt + entry * ENTRY_WORDS + word] = value
  }

  /**
   * Holds an entry for this thread: what is looked at afterwards and found alive stays until `unpin`. Written so that a thread that removes
   * the entry and one that pins it cannot both miss the other.
   * @returns false: held too often already
   */
  pin(entry: number): boolean {
    const at = this.layout.pins + this.thread * this.layout.pinStride + entry
    const held = this.#pins[at] ?? 0
    if (held === 0xffff) return false
    Atomics.store(this.#pins, at, held + 1)
    return true
  }

  /** @returns whether this thread still holds it */
  unpin(entry: number): boolean {
    const at = this.layout.pins + this.thread * this.layout.pinStride + entry
    const held = (this.#pins[at] ?? 0) - 1
    Atomics.store(this.#pins, at, held)
    return held > 0
  }

  /** Does any thread hold it? To be asked after something that orders memory. */
  isPinned(entry: number): boolean {
    const { pins, pinStride, threads } = this.layout
    for (let at = pins + entry, end = at + threads * pinStride; at < end; at += pinStride)
      if (this.#pins[at] !== 0) return true
    return false
  }

  /** A thread that has ended holds nothing. */
  unpinAll(thread: number): void {
    const { pins, pinStride } = this.layout
    this.#pins.fill(0, pins + thread * pinStride, pins + (thread + 1) * pinStride)
  }

  /** A free row, or 0. */
  takeRow(): number {
    const { words } = this
    const free = words[TOP.freeEntry] ?? 0
    if (free !== 0) {
      words[TOP.freeEntry] = this.get(free, ENTRY.after)
      return free
    }
    const highest = words[TOP.highest] ?? 0
    if (highest >= this.layout.entries) return 0
    words[TOP.highest] = highest + 1
    return highest + 1
  }

  giveRow(entry: number): void {
    this.set(entry, ENTRY.state, STATE.free)
    this.set(entry, ENTRY.after, this.words[TOP.freeEntry] ?? 0)
    this.words[TOP.freeEntry] = entry
  }

  /** Makes it found, in front of what is in its bucket. */
  link(entry: number): void {
    const bucket = this.layout.buckets + (this.get(entry, ENTRY.hashA) & this.layout.bucketMask)
    this.set(entry, ENTRY.next, this.words[bucket] ?? 0)
    this.set(entry, ENTRY.linked, 1)
    // After everything else that was written about the entry, also for threads on other cores.
    Atomics.store(this.words, bucket, entry)
  }

  /** Whoever stands on it still finds the way on. */
  unlink(entry: number): void {
    if (this.get(entry, ENTRY.linked) === 0) return
    const bucket = this.layout.buckets + (this.get(entry, ENTRY.hashA) & this.layout.bucketMask)
    const next = this.get(entry, ENTRY.next)
    let before = this.words[bucket] ?? 0
    if (before === entry) this.words[bucket] = next
    else {
      while (before !== 0 && this.get(before, ENTRY.next) !== entry) before = this.get(before, ENTRY.next)
      if (before !== 0) this.set(before, ENTRY.next, next)
    }
    this.set(entry, ENTRY.linked, 0)
  }

  first(queue: number): number {
    return this.words[TOP.queues + queue * QUEUE_WORDS + FIRST] ?? 0
  }

  /** The one that came first. */
  last(queue: number): number {
    return this.words[TOP.queues + queue * QUEUE_WORDS + LAST] ?? 0
  }

  count(queue: number): number {
    return this.words[TOP.queues + queue * QUEUE_WORDS + COUNT] ?? 0
  }

  unitsIn(queue: number): number {
    return this.words[TOP.queues + queue * QUEUE_WORDS + UNITS] ?? 0
  }

  enqueue(entry: number, queue: number): void {
    const at = TOP.queues + queue * QUEUE_WORDS
    const first = this.words[at + FIRST] ?? 0
    this.set(entry, ENTRY.queue, queue)
    this.set(entry, ENTRY.before, 0)
    this.set(entry, ENTRY.after, first)
    if (first === 0) this.words[at + LAST] = entry
    else this.set(first, ENTRY.before, entry)
    this.words[at + FIRST] = entry
    this.#addTo(at, 1, this.get(entry, ENTRY.units))
  }

  dequeue(entry: number): void {
    const queue = this.get(entry, ENTRY.queue)
    if (queue === QUEUE.none) return
    const at = TOP.queues + queue * QUEUE_WORDS
    const before = this.get(entry, ENTRY.before)
    const after = this.get(entry, ENTRY.after)
    if (before === 0) this.words[at + FIRST] = after
    else this.set(before, ENTRY.after, after)
    if (after === 0) this.words[at + LAST] = before
    else this.set(after, ENTRY.before, before)
    this.set(entry, ENTRY.queue, QUEUE.none)
    this.#addTo(at, -1, -this.get(entry, ENTRY.units))
  }

  /** It takes more memory than before. */
  grow(entry: number, units: number): void {
    this.set(entry, ENTRY.units, this.get(entry, ENTRY.units) + units)
    const queue = this.get(entry, ENTRY.queue)
    if (queue !== QUEUE.none) this.#addTo(TOP.queues + queue * QUEUE_WORDS, 0, units)
  }

  /** Nothing can be found and nothing stands in a queue: before the index is made anew. */
  clear(): void {
    const { buckets, bucketMask } = this.layout
    this.words.fill(0, buckets, buckets + bucketMask + 1)
    this.words.fill(0, TOP.queues, TOP.queues + (QUEUE.lingering + 1) * QUEUE_WORDS)
    this.words[TOP.freeEntry] = 0
  }

  count1(name: Count): void {
    const at = (this.thread * COUNT_WORDS) / 2 + COUNTS.indexOf(name)
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
  }

  /** Sum over all threads. */
  counted(name: Count): number {
    const index = COUNTS.indexOf(name)
    let sum = 0
    for (let thread = 0; thread < this.layout.threads; thread += 1)
      sum += this.#counts[(thread * COUNT_WORDS) / 2 + index] ?? 0
    return sum
  }

  #addTo(queueAt: number, count: number, units: number): void {
    this.words[queueAt + COUNT] = (this.words[queueAt + COUNT] ?? 0) + count
    this.words[queueAt + UNITS] = (this.words[queueAt + UNITS] ?? 0) + units
  }
}
