import type { EntryTable } from './entry-table.js'
import type { GhostList } from './ghost-list.js'
import { ENTRY, QUEUE, UNIT_BYTES } from './layout.js'

/** Share of the memory that each probation gets before the other entries give way. */
const PROBATION_SHARE = 0.1
/** Entries that one call looks at before it takes the next one in any case: bounds the time under the lock. */
const LOOKS = 256
/** Entries from this size on have a probation of their own; smaller where the cache is small. */
const LARGE_BYTES = 256 * 1024
/** Uses are counted up to here. */
export const MOST_USES = 3

/**
 * S3-FIFO (Yang and others, SOSP 2023): new entries are on probation in a small queue, those that are used there move to the main queue, the others
 * leave quickly and are remembered as ghosts; the main queue gives those a second chance that were used. Large entries have a probation of their
 * own, so that they make room for each other and not for themselves at the cost of thousands of small ones, and have to be used more.
 */
export class Eviction {
  readonly #table: EntryTable
  readonly #ghosts: GhostList
  readonly #shareUnits: number
  readonly #largeUnits: number
  /** Takes an entry out of everything. */
  readonly #remove: (entry: number) => void

  constructor(table: EntryTable, ghosts: GhostList, units: number, remove: (entry: number) => void) {
    this.#table = table
    this.#ghosts = ghosts
    this.#shareUnits = Math.floor(units * PROBATION_SHARE)
    this.#largeUnits = Math.max(1, Math.min(LARGE_BYTES / UNIT_BYTES, this.#shareUnits >> 3))
    this.#remove = remove
  }

  /** Puts an entry that is complete into its queue. @param follows the queue of the one whose place it takes; none: it has no predecessor */
  admit(entry: number, follows: number): void {
    const table = this.#table
    table.set(entry, ENTRY.frequency, 0)
    table.enqueue(entry, this.#queueFor(entry, follows))
  }

  /** Removes one entry that nobody holds. @returns false: there is none */
  evictOne(): boolean {
    const table = this.#table
    const { small, large } = QUEUE
    if (table.unitsIn(large) > this.#shareUnits) return this.#fromProbation(large) || this.#fromMain()
    if (table.unitsIn(small) > this.#shareUnits) return this.#fromProbation(small) || this.#fromMain()
    return this.#fromMain() || this.#fromProbation(small) || this.#fromProbation(large)
  }

  #queueFor(entry: number, follows: number): number {
    const table = this.#table
    if (follows === QUEUE.main) return follows
    const within = table.count(QUEUE.main) + table.count(QUEUE.small)
    const known = this.#ghosts.take(table.get(entry, ENTRY.hashA), table.get(entry, ENTRY.hashB), within)
    if (known) return QUEUE.main
    return table.get(entry, ENTRY.units) >= this.#largeUnits ? QUEUE.large : QUEUE.small
  }

  #fromProbation(queue: number): boolean {
    const table = this.#table
    const needed = queue === QUEUE.large ? 2 : 1
    for (let looks = 0; looks < LOOKS; looks += 1) {
      const entry = table.last(queue)
      if (entry === 0) return false
      const uses = table.get(entry, ENTRY.frequency)
      if (uses >= needed || table.isPinned(entry)) {
        table.dequeue(entry)
        table.set(entry, ENTRY.frequency, 0)
        table.enqueue(entry, uses >= needed ? QUEUE.main : queue)
        continue
      }
      this.#ghosts.add(table.get(entry, ENTRY.hashA), table.get(entry, ENTRY.hashB))
      this.#evict(entry)
      return true
    }
    return false
  }

  #fromMain(): boolean {
    const table = this.#table
    for (let looks = 0; looks < 2 * LOOKS; looks += 1) {
      const entry = table.last(QUEUE.main)
      if (entry === 0) return false
      const uses = table.get(entry, ENTRY.frequency)
      const pinned = table.isPinned(entry)
      if (!pinned && (uses === 0 || looks >= LOOKS)) {
        this.#evict(entry)
        return true
      }
      table.dequeue(entry)
      // A large entry pays more for its stay.
      const price = table.get(entry, ENTRY.units) >= this.#largeUnits ? 2 : 1
      table.set(entry, ENTRY.frequency, Math.max(0, uses - price))
      table.enqueue(entry, QUEUE.main)
    }
    return false
  }

  #evict(entry: number): void {
    this.#table.count1('evictions')
    this.#remove(entry)
  }
}
