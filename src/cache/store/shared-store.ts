import { setTimeout as delay } from 'node:timers/promises'
import { SharedBell } from '../../memory/index.js'
import { writeChainText } from './chain.js'
import { changeHead, TAG_BYTES, writeHead } from './entry-head.js'
import { Fill } from './fill.js'
import { HeldEntry } from './held-entry.js'
import { forEachKept } from './kept-entries.js'
import { hashKey, type KeyHash } from './key-hash.js'
import { ENTRY, MAX_KEY_BYTES, QUEUE, STATE, TOP, UNIT_BYTES } from './layout.js'
import { purgedSince, purgeKey, purgePrefix, purgeTag, tagBytes } from './purge.js'
import { putInOrder } from './rebuild.js'
import { StoreCore } from './store-core.js'
import type {
  EntryHead,
  EntryStore,
  EntryWriter,
  FillOptions,
  KeptEntry,
  NewEntryHead,
  PurgeMode,
  StoredEntry,
  StoreMemory,
  StoreStats,
} from './types.js'

/** Of a body of known length so much room is made at once; more comes with what is appended. */
const FIRST_BODY_BYTES = 64 * 1024 - 4
/** Longest head of an entry, key, tags and meta together. */
const MAX_HEAD_BYTES = 256 * 1024
/** Between two attempts to put things in order behind a thread, ms. */
const RETRY_MS = 2
/** What is left free for answers that come while kept ones are brought back, and for what rounding takes. */
const SPARE_UNITS = 64

/** Replaces the hash of keys; tests force collisions with it. */
export type HashFunction = typeof hashKey

/** A store of answers in memory that all threads share, as one of them sees it. One object for each thread. */
export class SharedStore implements EntryStore {
  readonly maxEntryBytes: number
  readonly #core: StoreCore
  readonly #hash: HashFunction
  readonly #scratch: KeyHash = { a: 0, b: 0 }

  /** @param thread number of this thread: no other uses it at the same time. @param bell the one of this thread, where it has one already */
  constructor(memory: StoreMemory, thread: number, bell?: SharedBell, hash: HashFunction = hashKey) {
    this.#core = new StoreCore(memory, thread, bell ?? new SharedBell(memory.bells, thread))
    this.#hash = hash
    this.maxEntryBytes = this.#core.maxEntryBytes
  }

  find(key: string): StoredEntry | null {
    const entry = this.#core.findPinned(this.#hashOf(key), key, STATE.complete)
    if (entry !== 0) return new HeldEntry(this.#core, entry, true)
    this.#core.table.count1('misses')
    return null
  }

  findFilling(key: string): StoredEntry | null {
    const core = this.#core
    const entry = core.findPinned(this.#hashOf(key), key, STATE.filling)
    if (entry === 0) return null
    if (core.table.get(entry, ENTRY.doomed) === 0) return new HeldEntry(core, entry, false)
    core.unpin(entry)
    return null
  }

  begin(key: string, head: NewEntryHead, options: FillOptions = {}): EntryWriter | null {
    return this.#begin(key, head, head.tags === undefined ? '' : tagBytes(head.tags), options)
  }

  /** Each complete entry, the most valued first; held as long as the callback runs. */
  forEachKept(callback: (kept: KeptEntry, entry: StoredEntry) => void): void {
    forEachKept(this.#core, callback)
  }

  /**
   * Begins an entry that was kept elsewhere. Nothing gives way to it: neither another under its key nor any other.
   * @param sinceMs what was purged since then is not stored
   */
  restore(
    { key, head, tagBytes: tags }: KeptEntry,
    lengthBytes: number,
    sinceMs: number,
  ): EntryWriter | null {
    const { blocks } = this.#core
    const bytes = key.length + tags.length + head.meta.length + lengthBytes
    // An eighth for what rounding takes.
    if ((blocks.freeUnits - SPARE_UNITS) * UNIT_BYTES < bytes + (bytes >> 3)) return null
    const there = this.#core.findPinned(this.#hashOf(key), key, STATE.complete)
    if (there === 0) return this.#begin(key, head, tags, { lengthBytes, requestedAtMs: sinceMs })
    this.#core.unpin(there)
    return null
  }

  /** What is under a key was asked for again before it was kept elsewhere. */
  promote(key: string): void {
    const core = this.#core
    const { table } = core
    const hash = this.#hashOf(key)
    core.change(undefined, () =>
      core.forEachUnder(hash, key, (entry) => {
        if (table.get(entry, ENTRY.state) !== STATE.complete) return
        table.dequeue(entry)
        table.enqueue(entry, QUEUE.main)
      }),
    )
  }

  #begin(key: string, head: EntryHead, tags: string, options: FillOptions): EntryWriter | null {
    const core = this.#core
    const hash = this.#hashOf(key)
    const length = options.lengthBytes ?? null
    const headBytes = key.length + tags.length + head.meta.length
    const fits =
      (length ?? 0) <= this.maxEntryBytes &&
      key.length <= MAX_KEY_BYTES &&
      headBytes <= MAX_HEAD_BYTES &&
      !purgedSince(core, hash, options.requestedAtMs ?? Number.POSITIVE_INFINITY)
    const make = (): number => {
      const made = this.#newEntry(hash, headBytes, length)
      if (made !== 0) this.#fillIn(made, key, tags, head)
      return made
    }
    const entry = fits ? core.change(0, make) : 0
    if (entry !== 0) return new Fill(core, entry)
    core.table.count1('refused')
    return null
  }

  put(key: string, head: NewEntryHead, body: Uint8Array | null): boolean {
    const fill = this.begin(key, head, { lengthBytes: body?.length ?? 0 })
    if (fill === null) return false
    return (body === null || body.length === 0 || fill.append(body)) && fill.complete()
  }

  refresh(held: StoredEntry, head: EntryHead): boolean {
    const entry = held instanceof HeldEntry ? held.row : 0
    const core = this.#core
    const { table } = core
    if (entry === 0 || head.meta.length > MAX_HEAD_BYTES) return false
    return core.change(false, () => {
      const fixedBytes = table.get(entry, ENTRY.keyBytes) + table.get(entry, ENTRY.tags) * TAG_BYTES
      const missing = fixedBytes + head.meta.length - core.headRoom(entry)
      // That entry is pinned, so it is not the one that gives way.
      const done =
        (table.get(entry, ENTRY.generation) & 1) === 1 &&
        table.get(entry, ENTRY.state) === STATE.complete &&
        (missing <= 0 ||
          (core.makeRoom(missing) && core.lengthen(entry, ENTRY.headFirst, missing) >= missing))
      if (done) changeHead(core, entry, () => writeHead(core, entry, head))
      return done
    })
  }

  purge(key: string, mode: PurgeMode): number {
    return purgeKey(this.#core, this.#hashOf(key), key, mode)
  }

  purgePrefix(prefix: string, mode: PurgeMode): number {
    return purgePrefix(this.#core, prefix, mode)
  }

  purgeTag(tag: string, mode: PurgeMode): number {
    return purgeTag(this.#core, tag, mode)
  }

  stats(): StoreStats {
    const { table, blocks } = this.#core
    return {
      sizeBytes: blocks.units * UNIT_BYTES,
      usedBytes: (blocks.units - blocks.freeUnits) * UNIT_BYTES,
      entries: table.count(QUEUE.small) + table.count(QUEUE.large) + table.count(QUEUE.main),
      filling: table.count(QUEUE.filling),
      lingering: table.count(QUEUE.lingering),
      hits: table.counted('hits'),
      misses: table.counted('misses'),
      stored: table.counted('stored'),
      aborted: table.counted('aborted'),
      evictions: table.counted('evictions'),
      purged: table.counted('purged'),
      refused: table.counted('refused'),
      rebuilds: table.words[TOP.rebuilds] ?? 0,
    }
  }

  diedAmidst(thread: number): boolean {
    const { lock, table } = this.#core
    const isHeld = lock.isHeldBy(thread)
    if (isHeld) Atomics.store(table.words, TOP.mending, 1)
    return isHeld
  }

  async forget(thread: number): Promise<void> {
    const core = this.#core
    const isAmidst = this.diedAmidst(thread)
    // Either it held the lock when it ended, or another thread does: that one gives it back, or is forgotten in its turn.
    let held = core.lock.takeOver(thread)
    let taken = held || core.lock.tryAcquire()
    while (!taken) {
      await delay(RETRY_MS)
      held = core.lock.takeOver(thread)
      taken = held || core.lock.tryAcquire()
    }
    putInOrder(core, thread, held)
    if (isAmidst) Atomics.store(core.table.words, TOP.mending, 0)
    core.lock.release()
  }

  #hashOf(key: string): KeyHash {
    this.#hash(key, this.#core.seedA, this.#core.seedB, this.#scratch)
    return this.#scratch
  }

  /** A row with room for head and body, not yet found by anybody. Under the lock. 0: there is no room */
  #newEntry(hash: KeyHash, headBytes: number, length: number | null): number {
    const core = this.#core
    const { table } = core
    const bodyBytes = Math.min(length ?? 0, FIRST_BODY_BYTES)
    if (!core.makeRoom(headBytes + bodyBytes)) return 0
    const entry = core.takeRow()
    if (entry === 0) return 0
    const at = table.at(entry)
    const { words } = table
    // Whatever stands there from before the row is taken; numbers that only ever grow stay.
    const generation = words[at + ENTRY.generation] ?? 0
    const version = words[at + ENTRY.headVersion] ?? 0
    words.fill(0, at + 2, at + ENTRY.times)
    words[at + ENTRY.headVersion] = (version + 2) & ~1
    words[at + ENTRY.hashA] = hash.a
    words[at + ENTRY.hashB] = hash.b
    words[at + ENTRY.totalBytes] = length ?? -1
    words[at + ENTRY.owner] = table.thread + 1
    words[at + ENTRY.state] = STATE.filling
    words[at + ENTRY.generation] = generation + 1
    table.enqueue(entry, QUEUE.filling)
    const bodyRoom = bodyBytes === 0 ? 0 : core.lengthen(entry, ENTRY.bodyFirst, bodyBytes)
    if (
      core.lengthen(entry, ENTRY.headFirst, headBytes) < headBytes ||
      bodyRoom < bodyBytes ||
      !table.pin(entry)
    ) {
      core.remove(entry)
      return 0
    }
    words[at + ENTRY.bodyRoom] = bodyRoom
    return entry
  }

  #fillIn(entry: number, key: string, tags: string, head: EntryHead): void {
    const { table, blocks } = this.#core
    table.set(entry, ENTRY.keyBytes, key.length)
    table.set(entry, ENTRY.tags, tags.length / TAG_BYTES)
    const first = table.get(entry, ENTRY.headFirst)
    writeChainText(blocks, first, 0, key)
    if (tags !== '') writeChainText(blocks, first, key.length, tags)
    writeHead(this.#core, entry, head)
    table.link(entry)
  }
}
