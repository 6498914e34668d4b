import { copyIntoShared } from '../../memory/index.js'
import { roomOf } from './block-memory.js'
import { HeldEntry } from './held-entry.js'
import { ENTRY, STATE } from './layout.js'
import type { EndState, StoreCore } from './store-core.js'
import type { EntryWriter, StoredEntry } from './types.js'

/** Longest body of an unknown length that is given blocks for what has come; a longer one gets more at a time, so that its chain stays short. */
const GROWS_FROM_BYTES = 4 * 1024
const MOST_AT_ONCE_BYTES = 64 * 1024 - 4

/** An entry that this thread makes. Pinned until the end. */
export class Fill implements EntryWriter {
  readonly #core: StoreCore
  readonly #entry: number
  readonly #generation: number
  readonly #at: number
  #open = true
  #bodyBytes = 0
  /** The block that is being filled, and how much of it is taken. */
  #block: number
  #blockTaken = 0

  /** @param entry in the state `filling`, owned by this thread and pinned for this object */
  constructor(core: StoreCore, entry: number) {
    const { table } = core
    this.#core = core
    this.#entry = entry
    this.#at = table.at(entry)
    this.#generation = table.get(entry, ENTRY.generation)
    this.#block = table.get(entry, ENTRY.bodyFirst)
  }

  get bodyBytes(): number {
    return this.#bodyBytes
  }

  append(chunk: Uint8Array): boolean {
    if (!this.#open) return false
    const { table, maxEntryBytes } = this.#core
    const { words } = table
    const bytes = this.#bodyBytes + chunk.length
    const total = words[this.#at + ENTRY.totalBytes] ?? -1
    if (
      bytes > maxEntryBytes ||
      (total >= 0 && bytes > total) ||
      this.#isLost ||
      !this.#hasRoom(bytes, total)
    ) {
      table.count1('refused')
      this.#endAs(STATE.dropped)
      return false
    }
    this.#copy(chunk)
    this.#bodyBytes = bytes
    Atomics.store(words, this.#at + ENTRY.bodyBytes, bytes)
    this.#core.wake(this.#entry)
    return true
  }

  complete(): boolean {
    if (!this.#open) return false
    const core = this.#core
    const { table } = core
    const total = table.words[this.#at + ENTRY.totalBytes] ?? -1
    if (total >= 0 && total !== this.#bodyBytes) {
      this.abort()
      return false
    }
    const done = core.change<boolean | null>(null, () => {
      const lost = this.#isLost
      if (lost) core.abortUnderLock(this.#entry, this.#generation, STATE.dropped)
      else core.publish(this.#entry, this.#bodyBytes)
      return !lost
    })
    if (done === null) this.#endAs(STATE.dropped)
    else this.#close()
    if (done === true) table.count1('stored')
    return done === true
  }

  abort(): void {
    if (this.#open) this.#endAs(STATE.aborted)
  }

  #endAs(state: EndState): void {
    const core = this.#core
    const done = core.change(false, () => {
      core.abortUnderLock(this.#entry, this.#generation, state)
      return true
    })
    if (done) {
      this.#close()
      return
    }
    // Done by the next change of this thread, which also lets go of it.
    this.#open = false
    core.abortLater(this.#entry, this.#generation, state)
  }

  reader(): StoredEntry | null {
    return this.#open && this.#core.table.pin(this.#entry)
      ? new HeldEntry(this.#core, this.#entry, false)
      : null
  }

  /** Removed, or purged. */
  get #isLost(): boolean {
    const { words } = this.#core.table
    return words[this.#at + ENTRY.generation] !== this.#generation || words[this.#at + ENTRY.doomed] !== 0
  }

  /** Has blocks for so many bytes of body. */
  #hasRoom(bytes: number, total: number): boolean {
    const core = this.#core
    const { table } = core
    const room = table.words[this.#at + ENTRY.bodyRoom] ?? 0
    if (bytes <= room) return true
    const ahead = bytes > GROWS_FROM_BYTES ? Math.min(MOST_AT_ONCE_BYTES, bytes >> 3) : 0
    const rest = total >= 0 ? Math.min(total - room, MOST_AT_ONCE_BYTES) : ahead
    const wanted = Math.max(bytes - room, rest)
    const gained = core.change(0, () => {
      if (this.#isLost || !core.makeRoom(wanted)) return 0
      const more = core.lengthen(this.#entry, ENTRY.bodyFirst, wanted)
      table.set(this.#entry, ENTRY.bodyRoom, room + more)
      return more
    })
    if (this.#block === 0) this.#block = table.get(this.#entry, ENTRY.bodyFirst)
    return room + gained >= bytes
  }

  #copy(chunk: Uint8Array): void {
    const { blocks } = this.#core
    for (let done = 0; done < chunk.length; ) {
      const room = roomOf(this.#block) - this.#blockTaken
      if (room === 0) {
        this.#block = blocks.nextOf(this.#block)
        this.#blockTaken = 0
        continue
      }
      const length = Math.min(room, chunk.length - done)
      const piece = length === chunk.length ? chunk : chunk.subarray(done, done + length)
      copyIntoShared(blocks.slabOf(this.#block), blocks.startOf(this.#block) + this.#blockTaken, piece)
      this.#blockTaken += length
      done += length
    }
  }

  #close(): void {
    this.#open = false
    this.#core.unpin(this.#entry)
  }
}
