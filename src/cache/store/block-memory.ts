import { LINK_BYTES, SLAB_SHIFT, type StoreLayout, TOP, TOP_ORDER, TOP_UNITS, UNIT_BYTES } from './layout.js'
import type { StoreMemory } from './types.js'

const SLAB_MASK = (1 << SLAB_SHIFT) - 1
const FREE = 0x80
const USED = 0x40
const ORDER = 0x0f
/** Words of a free block: neighbours in the list of its order, as units plus one. */
const BEFORE = 1
const AFTER = 2

/** Bytes that a block holds. */
export function roomOf(address: number): number {
  return UNIT_BYTES * unitsOf(address) - LINK_BYTES
}

export function unitsOf(address: number): number {
  return 1 << ((address & ORDER) - 1)
}

/**
 * Memory in blocks of 256 bytes to 64 KiB: a buddy system, so that any free memory can become a block of any size and nothing has to be set
 * aside for sizes that do not come. A block's address is its first unit and its order in one word, never 0.
 *
 * Blocks are given out and taken back under the lock of the store; what they hold may be read at any time.
 */
export class BlockMemory {
  readonly bytes: readonly Buffer[]
  readonly #words: readonly Int32Array[]
  readonly #top: Int32Array
  readonly #marks: Uint8Array
  readonly #units: number

  constructor(memory: StoreMemory, layout: StoreLayout, top: Int32Array) {
    this.bytes = memory.slabs.map((slab) => Buffer.from(slab))
    this.#words = memory.slabs.map((slab) => new Int32Array(slab))
    this.#top = top
    this.#units = layout.units
    this.#marks = new Uint8Array(memory.tables, layout.marks, layout.units)
  }

  get units(): number {
    return this.#units
  }

  get freeUnits(): number {
    return this.#top[TOP.freeUnits] ?? 0
  }

  /** The slab that a block lies in. */
  slabOf(address: number): Buffer {
    const slab = this.bytes[address >>> (4 + SLAB_SHIFT)]
    if (slab === undefined) throw new RangeError('a block outside the memory of the cache')
    return slab
  }

  /** Where in its slab the contents of a block begin. */
  startOf(address: number): number {
    return ((address >>> 4) & SLAB_MASK) * UNIT_BYTES + LINK_BYTES
  }

  /** The next block of the chain; 0 at its end. */
  nextOf(address: number): number {
    return this.#words[address >>> (4 + SLAB_SHIFT)]?.[((address >>> 4) & SLAB_MASK) << 6] ?? 0
  }

  link(address: number, next: number): void {
    const words = this.#words[address >>> (4 + SLAB_SHIFT)]
    if (words !== undefined) words[((address >>> 4) & SLAB_MASK) << 6] = next
  }

  /** Everything is free. Before the first use, and when the index is made anew. */
  clear(): void {
    this.#marks.fill(0)
    for (let order = 0; order <= TOP_ORDER; order += 1) this.#top[TOP.freeBlocks + order] = 0
    this.#top[TOP.freshUnits] = 0
    this.#top[TOP.freeUnits] = this.#units
  }

  /**
   * A block that holds `bytes`, or as much of it as one can that wastes little: what is left takes another. 0 when nothing is free at all.
   */
  take(bytes: number): number {
    const units = Math.min(TOP_UNITS, Math.ceil((bytes + LINK_BYTES) / UNIT_BYTES))
    let order = 31 - Math.clz32(units)
    // Rounded up only where at most an eighth is wasted.
    if (1 << order < units && (2 << order) - units <= (2 << order) >> 3) order += 1
    for (let found = order; found <= TOP_ORDER; found += 1) {
      const first = this.#top[TOP.freeBlocks + found] ?? 0
      if (first !== 0) return this.#split(first - 1, found, order)
    }
    // Memory that was never used comes last, so that a cache that is not full takes no more than it needs.
    const fresh = this.#top[TOP.freshUnits] ?? 0
    if (fresh < this.#units) {
      this.#top[TOP.freshUnits] = fresh + TOP_UNITS
      this.#list(fresh, TOP_ORDER)
      return this.#split(fresh, TOP_ORDER, order)
    }
    for (let found = order - 1; found >= 0; found -= 1) {
      const first = this.#top[TOP.freeBlocks + found] ?? 0
      if (first !== 0) return this.#split(first - 1, found, found)
    }
    return 0
  }

  give(address: number): void {
    this.#free(address >>> 4, (address & ORDER) - 1)
  }

  /** Gives back a whole chain. @returns its units */
  giveChain(first: number): number {
    let units = 0
    for (let address = first; address !== 0; ) {
      // Read before: in a free block other things stand there.
      const next = this.nextOf(address)
      units += unitsOf(address)
      this.give(address)
      address = next
    }
    return units
  }

  /**
   * Marks a block as used, when the index is made anew on cleared memory.
   * @returns false: it lies outside, or meets one that is in use already
   */
  claim(address: number): boolean {
    const unit = address >>> 4
    const order = (address & ORDER) - 1
    const end = unit + (1 << order)
    if (order < 0 || order > TOP_ORDER || end > this.#units || (unit & ((1 << order) - 1)) !== 0) return false
    for (let i = unit; i < end; i += 1) if (this.#marks[i] !== 0) return false
    // All units for now, so that the next claim sees them; #seal leaves the first.
    this.#mark(unit, end, USED | order)
    this.#addFree(unit - end)
    const fresh = Math.ceil(end / TOP_UNITS) * TOP_UNITS
    if (fresh > (this.#top[TOP.freshUnits] ?? 0)) this.#top[TOP.freshUnits] = fresh
    return true
  }

  /** Takes back the claims of a chain that turned out to be broken. */
  disclaim(address: number): void {
    this.#marks.fill(0, address >>> 4, (address >>> 4) + unitsOf(address))
    this.#addFree(unitsOf(address))
  }

  /** After the last claim: everything else is free. */
  seal(): void {
    const marks = this.#marks
    const end = this.#top[TOP.freshUnits] ?? 0
    const { freeUnits } = this
    for (let unit = 0; unit < end; ) {
      const mark = marks[unit] ?? 0
      if ((mark & USED) !== 0) {
        const behind = unit + (1 << (mark & ORDER))
        this.#mark(unit + 1, behind, 0)
        unit = behind
        continue
      }
      // Freed one by one they grow together again, as far as they may.
      this.#free(unit, 0)
      unit += 1
    }
    // Counted already.
    this.#top[TOP.freeUnits] = freeUnits
  }

  /** Most blocks are short: a call of `fill` costs more than the loop. */
  #mark(from: number, to: number, mark: number): void {
    for (let unit = from; unit < to; unit += 1) this.#marks[unit] = mark
  }

  #split(unit: number, from: number, to: number): number {
    this.#unlist(unit, from)
    for (let order = from - 1; order >= to; order -= 1) this.#list(unit + (1 << order), order)
    this.#marks[unit] = USED | to
    this.#addFree(-(1 << to))
    const address = (unit << 4) | (to + 1)
    this.link(address, 0)
    return address
  }

  #free(unit: number, order: number): void {
    this.#addFree(1 << order)
    let first = unit
    let level = order
    while (level < TOP_ORDER) {
      const buddy = first ^ (1 << level)
      if (this.#marks[buddy] !== (FREE | level)) break
      this.#unlist(buddy, level)
      this.#marks[Math.max(first, buddy)] = 0
      first = Math.min(first, buddy)
      level += 1
    }
    this.#list(first, level)
  }

  #list(unit: number, order: number): void {
    const head = TOP.freeBlocks + order
    const after = this.#top[head] ?? 0
    this.#set(unit, BEFORE, 0)
    this.#set(unit, AFTER, after)
    if (after !== 0) this.#set(after - 1, BEFORE, unit + 1)
    this.#top[head] = unit + 1
    this.#marks[unit] = FREE | order
  }

  #unlist(unit: number, order: number): void {
    const before = this.#get(unit, BEFORE)
    const after = this.#get(unit, AFTER)
    if (before === 0) this.#top[TOP.freeBlocks + order] = after
    else this.#set(before - 1, AFTER, after)
    if (after !== 0) this.#set(after - 1, BEFORE, before)
  }

  #addFree(units: number): void {
    this.#top[TOP.freeUnits] = (this.#top[TOP.freeUnits] ?? 0) + units
  }

  #get(unit: number, word: number): number {
    return this.#words[unit >>> SLAB_SHIFT]?.[((unit & SLAB_MASK) << 6) + word] ?? 0
  }

  #set(unit: number, word: number, value: number): void {
    const words = this.#words[unit >>> SLAB_SHIFT]
    if (words !== undefined) words[((unit & SLAB_MASK) << 6) + word] = value
  }
}
