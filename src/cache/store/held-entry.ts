import type { BellListener } from '../../memory/index.js'
import { roomOf } from './block-memory.js'
import { readHead } from './entry-head.js'
import { MOST_USES } from './eviction.js'
import { ENTRY, STATE } from './layout.js'
import type { StoreCore } from './store-core.js'
import type { EntryHead, EntryState, StoredEntry } from './types.js'

/** Longest block contents. */
const MOST_BYTES = 64 * 1024

/** An entry that this thread has pinned. */
export class HeldEntry implements StoredEntry {
  readonly #core: StoreCore
  readonly #entry: number
  readonly #at: number
  readonly #isComplete: boolean
  readonly #generation: number
  #held = true
  /** Where the last read ended: the block, and the offset at which it begins. */
  #block = 0
  #blockAt = 0

  /** @param entry pinned for this object @param isComplete it was found as such */
  constructor(core: StoreCore, entry: number, isComplete: boolean) {
    this.#isComplete = isComplete
    this.#core = core
    this.#entry = entry
    this.#at = core.table.at(entry)
    this.#generation = core.table.words[this.#at + ENTRY.generation] ?? 0
  }

  /** Its row, 0 once it is released. For the store. */
  get row(): number {
    return this.#held ? this.#entry : 0
  }

  get key(): string {
    return this.#core.keyOf(this.#entry)
  }

  get state(): EntryState {
    // Atomic: what was written before the state changed must be seen with it.
    const state = Atomics.load(this.#core.table.words, this.#at + ENTRY.state)
    if (state === STATE.complete) return 'complete'
    if (state === STATE.filling) return 'filling'
    return state === STATE.dropped ? 'dropped' : 'aborted'
  }

  get bodyBytes(): number {
    const { words } = this.#core.table
    // Found as such, behind a look that orders memory: its length was published before.
    if (this.#isComplete) return words[this.#at + ENTRY.bodyBytes] ?? 0
    return Atomics.load(words, this.#at + ENTRY.bodyBytes)
  }

  get totalBytes(): number | null {
    const total = this.#core.table.words[this.#at + ENTRY.totalBytes] ?? -1
    return total < 0 ? null : total
  }

  head(): EntryHead | null {
    return readHead(this.#core, this.#entry)
  }

  read(offset: number, maxBytes = MOST_BYTES): Uint8Array | null {
    const { blocks, table } = this.#core
    const there = this.bodyBytes
    if (offset >= there || offset < 0 || !this.#held) return null
    if (this.#block === 0 || offset < this.#blockAt) {
      this.#block = table.words[this.#at + ENTRY.bodyFirst] ?? 0
      this.#blockAt = 0
    }
    for (let room = roomOf(this.#block); offset >= this.#blockAt + room; room = roomOf(this.#block)) {
      this.#block = blocks.nextOf(this.#block)
      this.#blockAt += room
    }
    const inBlock = offset - this.#blockAt
    const length = Math.min(roomOf(this.#block) - inBlock, there - offset, maxBytes)
    const start = blocks.startOf(this.#block) + inBlock
    return new Uint8Array(blocks.slabOf(this.#block).buffer, start, length)
  }

  whole(): Uint8Array | null {
    if (!this.#isComplete || !this.#held) return null
    const { blocks, table, bodies } = this.#core
    const generation = this.#generation
    const place = this.#entry % bodies.length
    const kept = bodies[place]
    if (kept !== undefined && kept.entry === this.#entry && kept.generation === generation) return kept.body
    const first = table.words[this.#at + ENTRY.bodyFirst] ?? 0
    const bytes = this.bodyBytes
    if (bytes === 0 || bytes > roomOf(first)) return null
    const body = new Uint8Array(blocks.slabOf(first).buffer, blocks.startOf(first), bytes)
    // As with heads: the generation of a removed one moves on while it is held.
    if ((generation & 1) === 1) bodies[place] = { entry: this.#entry, generation, body }
    return body
  }

  whenMore(offset: number, callback: () => void): () => void {
    const { bell, table } = this.#core
    let waiting = true
    const isThere = (): boolean => this.state !== 'filling' || this.bodyBytes > offset
    const listener: BellListener = {
      onBell: () => {
        if (!waiting) return false
        // First says that it waits, then looks: the writer does it the other way round.
        Atomics.or(table.words, this.#at + ENTRY.waiters, bell.bit)
        if (!isThere()) return true
        waiting = false
        callback()
        return false
      },
    }
    bell.add(listener)
    Atomics.or(table.words, this.#at + ENTRY.waiters, bell.bit)
    if (isThere())
      queueMicrotask(() => {
        if (!listener.onBell()) bell.remove(listener)
      })
    return () => {
      waiting = false
      bell.remove(listener)
    }
  }

  touch(): void {
    const { table } = this.#core
    const uses = table.words[this.#at + ENTRY.frequency] ?? 0
    if (uses < MOST_USES) table.words[this.#at + ENTRY.frequency] = uses + 1
    table.count1('hits')
  }

  release(): void {
    if (!this.#held) return
    this.#held = false
    this.#core.unpin(this.#entry)
  }

  hold(): boolean {
    const { table } = this.#core
    const { words } = table
    if (this.#held || !this.#isComplete || (this.#generation & 1) === 0 || !table.pin(this.#entry))
      return false
    // Pinned first and looked at then, like in `findPinned`; the generation stands for its key.
    this.#held = Atomics.load(words, this.#at + ENTRY.generation) === this.#generation
    if (!this.#held) this.#core.unpin(this.#entry)
    return this.#held
  }
}
