import { readChainText } from './chain.js'
import { TAG_BYTES } from './entry-head.js'
import { HeldEntry } from './held-entry.js'
import { ENTRY, QUEUE, STATE, TOP } from './layout.js'
import type { StoreCore } from './store-core.js'
import type { KeptEntry, StoredEntry } from './types.js'

/**
 * Calls back for each complete entry: first for those that were asked for again, then for the others. Takes no lock; what comes or goes meanwhile may be
 * missed. The entry is held as long as the callback runs.
 */
export function forEachKept(core: StoreCore, callback: (kept: KeptEntry, entry: StoredEntry) => void): void {
  const { table, blocks } = core
  const { words } = table
  const highest = words[TOP.highest] ?? 0
  for (const wantsMain of [true, false]) {
    for (let row = 1; row <= highest; row += 1) {
      const isMain = isValued(core, row)
      if (isMain !== wantsMain || table.get(row, ENTRY.state) !== STATE.complete || !table.pin(row)) continue
      const entry = new HeldEntry(core, row, true)
      const isAlive = (Atomics.load(words, table.at(row) + ENTRY.generation) & 1) === 1
      const isComplete = Atomics.load(words, table.at(row) + ENTRY.state) === STATE.complete
      const head = isAlive && isComplete ? entry.head() : null
      if (head !== null) {
        const tags = table.get(row, ENTRY.tags) * TAG_BYTES
        const first = table.get(row, ENTRY.headFirst)
        const tagBytes = readChainText(blocks, first, table.get(row, ENTRY.keyBytes), tags)
        callback({ key: entry.key, head, tagBytes, isMain }, entry)
      }
      entry.release()
    }
  }
}

/** It is in the main queue, or would come into it where its probation ends now. */
function isValued({ table }: StoreCore, row: number): boolean {
  const queue = table.get(row, ENTRY.queue)
  return queue === QUEUE.main || table.get(row, ENTRY.frequency) >= (queue === QUEUE.large ? 2 : 1)
}
