import { readChainText, writeChainText } from './chain.js'
import { ENTRY } from './layout.js'
import type { StoreCore } from './store-core.js'
import type { EntryHead } from './types.js'

/** Bytes of one tag. */
export const TAG_BYTES = 8
/** How often a reader tries again while a head is changed under its eyes. */
const TRIES = 64

/** Writes numbers and meta bytes of a head. Under the lock; the head chain has room for it. */
export function writeHead(core: StoreCore, entry: number, head: EntryHead): void {
  const { table, blocks } = core
  const at = table.at(entry)
  const times = (at + ENTRY.times) / 2
  table.times[times] = head.bornMs
  table.times[times + 1] = head.storedAtMs
  table.times[times + 2] = head.freshUntilMs
  table.times[times + 3] = head.staleWhileRevalidateUntilMs
  table.times[times + 4] = head.staleIfErrorUntilMs
  table.times[times + 5] = head.lastModifiedMs
  table.words[at + ENTRY.status] = head.status
  table.words[at + ENTRY.flags] = head.flags
  table.words[at + ENTRY.vary] = head.vary
  table.words[at + ENTRY.metaBytes] = head.meta.length
  const offset = table.get(entry, ENTRY.keyBytes) + table.get(entry, ENTRY.tags) * TAG_BYTES
  writeChainText(blocks, table.get(entry, ENTRY.headFirst), offset, head.meta)
}

/**
 * Changes the head of a live entry while others read it: they see by its version that they have to read again. Under the lock.
 * A thread that dies in between leaves an odd version, and with it an entry that is dropped when the index is made anew.
 */
export function changeHead(core: StoreCore, entry: number, change: () => void): void {
  const { words } = core.table
  const version = core.table.at(entry) + ENTRY.headVersion
  Atomics.add(words, version, 1)
  change()
  Atomics.add(words, version, 1)
}

/** One consistent copy of the head of an entry that the caller has pinned; the same object while nothing changes. Null: it changes all the time. */
export function readHead(core: StoreCore, entry: number): EntryHead | null {
  const { table } = core
  const { words } = table
  const at = table.at(entry)
  const generation = words[at + ENTRY.generation] ?? 0
  const place = entry % core.heads.length
  for (let i = 0; i < TRIES; i += 1) {
    const version = Atomics.load(words, at + ENTRY.headVersion)
    const kept = core.heads[place]
    if (
      kept !== undefined &&
      kept.entry === entry &&
      kept.generation === generation &&
      kept.version === version
    )
      return kept.head
    if ((version & 1) === 1) continue
    const head = copyHead(core, entry)
    if (Atomics.load(words, at + ENTRY.headVersion) !== version) continue
    // Of one that is removed the generation moves on while it is held: not to be taken for its successor's.
    if ((generation & 1) === 1) core.heads[place] = { entry, generation, version, head }
    return head
  }
  return null
}

function copyHead(core: StoreCore, entry: number): EntryHead {
  const { table, blocks } = core
  const at = table.at(entry)
  const times = (at + ENTRY.times) / 2
  const offset = table.get(entry, ENTRY.keyBytes) + table.get(entry, ENTRY.tags) * TAG_BYTES
  return {
    bornMs: table.times[times] ?? 0,
    storedAtMs: table.times[times + 1] ?? 0,
    freshUntilMs: table.times[times + 2] ?? 0,
    staleWhileRevalidateUntilMs: table.times[times + 3] ?? 0,
    staleIfErrorUntilMs: table.times[times + 4] ?? 0,
    lastModifiedMs: table.times[times + 5] ?? 0,
    status: table.get(entry, ENTRY.status),
    flags: table.get(entry, ENTRY.flags),
    vary: table.get(entry, ENTRY.vary),
    meta: readChainText(blocks, table.get(entry, ENTRY.headFirst), offset, table.get(entry, ENTRY.metaBytes)),
  }
}
