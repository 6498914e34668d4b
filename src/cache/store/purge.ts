import { now } from '../../time/index.js'
import { chainBeginsWith, readChainText } from './chain.js'
import { changeHead, TAG_BYTES } from './entry-head.js'
import { hashKey, type KeyHash } from './key-hash.js'
import { ENTRY, PURGE_ROWS, STATE, TOP } from './layout.js'
import type { StoreCore } from './store-core.js'
import { FLAG_PURGED, type PurgeMode } from './types.js'

/** Seeds of the hashes of tags: any will do that all processes share, for tags do not decide what is served. */
const TAG_SEEDS = [0x7461673a, 0x3a746167] as const

const scratch: KeyHash = { a: 0, b: 0 }

/** The bytes that stand for tags in an entry. */
export function tagBytes(tags: readonly string[]): string {
  let bytes = ''
  for (const tag of tags) {
    hashKey(tag, TAG_SEEDS[0], TAG_SEEDS[1], scratch)
    for (const word of [scratch.a, scratch.b])
      bytes += String.fromCharCode(word & 255, (word >>> 8) & 255, (word >>> 16) & 255, word >>> 24)
  }
  return bytes
}

/** Was anything purged since then that this key may be meant by? Rather once too often: a row stands for many keys. */
export function purgedSince({ table }: StoreCore, hash: KeyHash, sinceMs: number): boolean {
  return (
    (table.times[TOP.broadPurge / 2] ?? 0) >= sinceMs ||
    (table.times[purgeRow(table.layout.purges, hash)] ?? 0) >= sinceMs
  )
}

/** Removes what is under a key, or makes it stale. */
export function purgeKey(core: StoreCore, hash: KeyHash, key: string, mode: PurgeMode): number {
  const { table } = core
  const purgeAll = (): number => {
    let count = 0
    table.times[purgeRow(table.layout.purges, hash)] = now()
    core.forEachUnder(hash, key, (entry) => {
      purgeEntry(core, entry, mode)
      count += 1
    })
    return count
  }
  return core.change(0, purgeAll, PURGE_PATIENCE_MS)
}

/** A purge is worth more patience than an entry: longer than it takes to put an index in order. */
const PURGE_PATIENCE_MS = 2000

export function purgePrefix(core: StoreCore, prefix: string, mode: PurgeMode): number {
  return purgeWhere(core, mode, (entry) => {
    const { table, blocks } = core
    if (table.get(entry, ENTRY.keyBytes) < prefix.length) return false
    return chainBeginsWith(blocks, table.get(entry, ENTRY.headFirst), prefix)
  })
}

export function purgeTag(core: StoreCore, tag: string, mode: PurgeMode): number {
  const wanted = tagBytes([tag])
  return purgeWhere(core, mode, (entry) => {
    const { table, blocks } = core
    const tags = table.get(entry, ENTRY.tags) * TAG_BYTES
    if (tags === 0) return false
    const first = table.get(entry, ENTRY.headFirst)
    const bytes = readChainText(blocks, first, table.get(entry, ENTRY.keyBytes), tags)
    for (let at = 0; at < tags; at += TAG_BYTES) if (bytes.startsWith(wanted, at)) return true
    return false
  })
}

/** Looks at each entry without the lock, and takes it for those that are meant. */
function purgeWhere(core: StoreCore, mode: PurgeMode, isMeant: (entry: number) => boolean): number {
  const { table } = core
  const { words } = table
  table.times[TOP.broadPurge / 2] = now()
  let count = 0
  for (let entry = words[TOP.highest] ?? 0; entry > 0; entry -= 1) {
    const generation = table.get(entry, ENTRY.generation)
    if ((generation & 1) === 0 || !table.pin(entry)) continue
    const isSame = Atomics.load(words, table.at(entry) + ENTRY.generation) === generation
    const purgeIt = (): boolean => {
      if (table.get(entry, ENTRY.generation) !== generation) return false
      purgeEntry(core, entry, mode)
      return true
    }
    if (isSame && isMeant(entry) && core.change(false, purgeIt, PURGE_PATIENCE_MS)) count += 1
    core.unpin(entry)
  }
  return count
}

function purgeEntry(core: StoreCore, entry: number, mode: PurgeMode): void {
  const { table } = core
  // It is not stored, and nobody else may read along. Who does already goes on from the origin, see `CacheResume`.
  if (table.get(entry, ENTRY.state) === STATE.filling) table.set(entry, ENTRY.doomed, 1)
  else if (mode === 'hard') core.remove(entry)
  else makeStale(core, entry)
  table.count1('purged')
}

function makeStale(core: StoreCore, entry: number): void {
  const { table } = core
  const at = table.at(entry)
  const freshUntil = (at + ENTRY.times) / 2 + 2
  changeHead(core, entry, () => {
    table.times[freshUntil] = Math.min(table.times[freshUntil] ?? 0, now())
    table.words[at + ENTRY.flags] = (table.words[at + ENTRY.flags] ?? 0) | FLAG_PURGED
  })
}

function purgeRow(purges: number, hash: KeyHash): number {
  return purges / 2 + (hash.a & (PURGE_ROWS - 1))
}
