import { type SharedBell, ShortLock } from '../../memory/index.js'
import { BlockMemory, roomOf, unitsOf } from './block-memory.js'
import { chainBeginsWith, readChainText } from './chain.js'
import { EntryTable } from './entry-table.js'
import { Eviction } from './eviction.js'
import { GhostList } from './ghost-list.js'
import type { KeyHash } from './key-hash.js'
import { ENTRY, LINK_BYTES, layoutOf, QUEUE, STATE, TOP, UNIT_BYTES } from './layout.js'
import { rebuild } from './rebuild.js'
import type { EntryHead, StoreMemory } from './types.js'

/** How long a change waits for another thread's, ms: longer only when that one has lost its core, or died. */
const PATIENCE_MS = 20
/** Removed entries that each change looks after. */
const SWEPT = 4
/** Steps through a bucket after which a walk is given up; it may have gone astray where entries change places. */
const STEPS = 512
/** Heads that a thread keeps as objects, and views of bodies. */
const KEPT = 2048

/** How a fill ends in vain. */
export type EndState = typeof STATE.aborted | typeof STATE.dropped

interface KeptHead {
  readonly entry: number
  readonly generation: number
  readonly version: number
  readonly head: EntryHead
}

interface KeptBody {
  readonly entry: number
  readonly generation: number
  readonly body: Uint8Array
}

/** What all parts of a store work on: its memory as one thread sees it, and the changes that run under its lock. */
export class StoreCore {
  readonly table: EntryTable
  readonly blocks: BlockMemory
  readonly eviction: Eviction
  readonly lock: ShortLock
  readonly bell: SharedBell
  readonly maxEntryBytes: number
  readonly seedA: number
  readonly seedB: number
  readonly heads: (KeptHead | undefined)[] = new Array<KeptHead | undefined>(KEPT)
  readonly bodies: (KeptBody | undefined)[] = new Array<KeptBody | undefined>(KEPT)
  /** Fills that could not be ended because the lock was not to be had. */
  readonly #unended: [entry: number, generation: number, as: EndState][] = []

  constructor(memory: StoreMemory, thread: number, bell: SharedBell) {
    const layout = layoutOf(memory.plan)
    this.table = new EntryTable(memory, layout, thread)
    const { words } = this.table
    this.blocks = new BlockMemory(memory, layout, words)
    this.lock = new ShortLock(words, TOP.lock, thread)
    this.bell = bell
    this.maxEntryBytes = memory.plan.maxEntryBytes
    this.seedA = words[TOP.seedA] ?? 0
    this.seedB = words[TOP.seedB] ?? 0
    const ghosts = new GhostList(words, layout)
    this.eviction = new Eviction(this.table, ghosts, layout.units, (entry) => this.remove(entry))
  }

  /**
   * Makes a change under the lock: what it calls must not wait for anything. If it throws, which nothing in it should, the index is made anew.
   * @param busy the answer when another thread has the lock for too long
   */
  change<Result>(busy: Result, run: () => Result, patienceMs = PATIENCE_MS): Result {
    const isHopeless = patienceMs <= PATIENCE_MS && this.table.words[TOP.mending] === 1
    if (!(isHopeless ? this.lock.tryAcquire() : this.lock.acquire(patienceMs))) return busy
    try {
      for (let left = this.#unended.pop(); left !== undefined; left = this.#unended.pop()) {
        this.abortUnderLock(...left)
        this.table.unpin(left[0])
      }
      const result = run()
      this.lock.release()
      return result
    } catch (error) {
      rebuild(this)
      this.lock.release()
      throw error
    }
  }

  /**
   * An entry under a key in a state, pinned. Takes no lock: what is found is pinned first and looked at then, and a walk that has gone astray, because the
   * entry it stood on was used for another key meanwhile, begins again.
   * @returns 0: none
   */
  findPinned(hash: KeyHash, key: string, state: number): number {
    const { table, blocks } = this
    const { words, layout } = table
    const bucket = hash.a & layout.bucketMask
    let entry = words[layout.buckets + bucket] ?? 0
    for (let steps = 0; entry !== 0 && steps < STEPS; steps += 1) {
      const at = table.at(entry)
      if (
        words[at + ENTRY.hashA] === hash.a &&
        words[at + ENTRY.hashB] === hash.b &&
        words[at + ENTRY.state] === state
      ) {
        if (!table.pin(entry)) return 0
        if (
          (Atomics.load(words, at + ENTRY.generation) & 1) === 1 &&
          words[at + ENTRY.hashA] === hash.a &&
          // Atomic: whatever was written before the state is seen with it.
          Atomics.load(words, at + ENTRY.state) === state &&
          words[at + ENTRY.keyBytes] === key.length &&
          chainBeginsWith(blocks, words[at + ENTRY.headFirst] ?? 0, key)
        )
          return entry
        this.unpin(entry)
      }
      // The way on is good where the entry was in its place before and after it was read.
      const generation = words[at + ENTRY.generation] ?? 0
      const inPlace =
        (generation & 1) === 1 &&
        words[at + ENTRY.linked] === 1 &&
        ((words[at + ENTRY.hashA] ?? 0) & layout.bucketMask) === bucket
      const next = words[at + ENTRY.next] ?? 0
      entry =
        inPlace && words[at + ENTRY.generation] === generation ? next : (words[layout.buckets + bucket] ?? 0)
    }
    return 0
  }

  /** Lets go of an entry; the last one to do so frees it where it was removed meanwhile. */
  unpin(entry: number): void {
    const { table } = this
    if (table.unpin(entry) || (table.get(entry, ENTRY.generation) & 1) === 1 || !this.lock.tryAcquire())
      return
    if (table.get(entry, ENTRY.queue) === QUEUE.lingering && !table.isPinned(entry)) {
      table.dequeue(entry)
      this.#free(entry)
    }
    this.lock.release()
  }

  keyOf(entry: number): string {
    const { table, blocks } = this
    return readChainText(blocks, table.get(entry, ENTRY.headFirst), 0, table.get(entry, ENTRY.keyBytes))
  }

  /** Wakes who waits for more of an entry. To be called after what they wait for was published with an atomic store. */
  wake(entry: number): void {
    const at = this.table.at(entry) + ENTRY.waiters
    if (Atomics.load(this.table.words, at) !== 0) this.bell.ring(Atomics.exchange(this.table.words, at, 0))
  }

  // From here on: under the lock.

  /** Has so much memory free, at the cost of what is used least. */
  makeRoom(bytes: number): boolean {
    const { blocks } = this
    this.sweep(SWEPT)
    // The words in front of blocks, and what rounding takes, are covered by a few units more.
    const least = Math.ceil(bytes / (UNIT_BYTES - LINK_BYTES))
    const units = least + (least >> 3) + 2
    while (blocks.freeUnits < units) if (!this.eviction.evictOne()) return false
    return true
  }

  /** A row for a new entry: number and bytes are both bounded. 0: none, everything is in use. */
  takeRow(): number {
    const { table } = this
    for (;;) {
      const entry = table.takeRow()
      if (entry !== 0) return entry
      if (!this.eviction.evictOne()) return 0
    }
  }

  /** Lengthens one of the two chains of an entry. @param first word of its first block, before that of its last. @returns bytes gained; less than asked for: there is no more */
  lengthen(entry: number, first: typeof ENTRY.headFirst | typeof ENTRY.bodyFirst, bytes: number): number {
    const { table, blocks } = this
    let gained = 0
    while (gained < bytes) {
      const block = blocks.take(bytes - gained)
      if (block === 0) return gained
      const last = table.get(entry, first + 1)
      if (last === 0) table.set(entry, first, block)
      else blocks.link(last, block)
      table.set(entry, first + 1, block)
      table.grow(entry, unitsOf(block))
      gained += roomOf(block)
    }
    return gained
  }

  /** Bytes that the blocks of the head of an entry hold. */
  headRoom(entry: number): number {
    let room = 0
    for (let block = this.table.get(entry, ENTRY.headFirst); block !== 0; block = this.blocks.nextOf(block))
      room += roomOf(block)
    return room
  }

  /** Takes an entry out of everything. Its memory is free at once, or when the last reader lets go of it. */
  remove(entry: number): void {
    const { table } = this
    // First: from here on nobody who pins it finds it alive, and it is known as dead to whoever has to put things in order.
    Atomics.add(table.words, table.at(entry) + ENTRY.generation, 1)
    table.unlink(entry)
    table.dequeue(entry)
    if (table.isPinned(entry)) table.enqueue(entry, QUEUE.lingering)
    else this.#free(entry)
  }

  /** An entry that is filled is whole: from now on it is found, in the place of an older one under its key. */
  publish(entry: number, bodyBytes: number): void {
    const { table } = this
    const { words } = table
    const older = this.#olderThan(entry)
    // Of two that are found in disorder the one that is not doomed is kept.
    if (older !== 0) table.set(older, ENTRY.doomed, 1)
    const follows = older === 0 ? QUEUE.none : table.get(older, ENTRY.queue)
    table.set(entry, ENTRY.totalBytes, bodyBytes)
    table.dequeue(entry)
    this.eviction.admit(entry, follows)
    Atomics.store(words, table.at(entry) + ENTRY.state, STATE.complete)
    if (older !== 0) this.remove(older)
    this.wake(entry)
  }

  /** Calls back for each live entry under a key. */
  forEachUnder(hash: KeyHash, key: string, callback: (entry: number) => void): void {
    const { table, blocks } = this
    let entry = table.words[table.layout.buckets + (hash.a & table.layout.bucketMask)] ?? 0
    while (entry !== 0) {
      const next = table.get(entry, ENTRY.next)
      if (
        table.get(entry, ENTRY.hashA) === hash.a &&
        table.get(entry, ENTRY.hashB) === hash.b &&
        table.get(entry, ENTRY.keyBytes) === key.length &&
        chainBeginsWith(blocks, table.get(entry, ENTRY.headFirst), key)
      )
        callback(entry)
      entry = next
    }
  }

  #olderThan(entry: number): number {
    const { table } = this
    const hash = { a: table.get(entry, ENTRY.hashA), b: table.get(entry, ENTRY.hashB) }
    let older = 0
    this.forEachUnder(hash, this.keyOf(entry), (other) => {
      if (other !== entry && table.get(other, ENTRY.state) === STATE.complete) older = other
    })
    return older
  }

  /** Ends a fill in vain, unless it has ended already. */
  abortUnderLock(entry: number, generation: number, as: EndState = STATE.aborted): void {
    const { table } = this
    if (table.get(entry, ENTRY.generation) !== generation || table.get(entry, ENTRY.state) !== STATE.filling)
      return
    Atomics.store(table.words, table.at(entry) + ENTRY.state, as)
    this.wake(entry)
    this.remove(entry)
    table.count1('aborted')
  }

  /** The same for later, where the lock is not to be had. */
  abortLater(entry: number, generation: number, as: EndState): void {
    this.#unended.push([entry, generation, as])
  }

  /** Frees removed entries that nobody reads any more. @param most entries that are looked at */
  sweep(most: number): void {
    const { table } = this
    for (let i = Math.min(most, table.count(QUEUE.lingering)); i > 0; i -= 1) {
      const entry = table.last(QUEUE.lingering)
      table.dequeue(entry)
      if (table.isPinned(entry)) table.enqueue(entry, QUEUE.lingering)
      else this.#free(entry)
    }
  }

  #free(entry: number): void {
    const { table, blocks } = this
    // First: a row that is free has no chains, whatever stands in it.
    table.set(entry, ENTRY.state, STATE.free)
    blocks.giveChain(table.get(entry, ENTRY.headFirst))
    blocks.giveChain(table.get(entry, ENTRY.bodyFirst))
    table.giveRow(entry)
  }
}
