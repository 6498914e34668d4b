import { ShortLock } from '../../memory/index.js'
import { hashKey, type KeyHash } from '../store/key-hash.js'
import type { LeadOutcome } from './types.js'

/** Words of one row: a cache line. */
const ROW_WORDS = 16
const WAYS = 8
const SETS = 1024
const ROWS_AT = 16
const PREDICTOR_AT = ROWS_AT + WAYS * SETS * ROW_WORDS
const PREDICTOR_WAYS = 4
const PREDICTOR_SETS = 8192
const WORDS = PREDICTOR_AT + PREDICTOR_WAYS * PREDICTOR_SETS

/** Words of a row. */
export const ROW = {
  state: 0,
  hashA: 1,
  hashB: 2,
  /** Number of the thread that leads, plus one. */
  owner: 3,
  /** Counts the leads of the row. */
  term: 4,
  /** How the last lead has ended. */
  outcome: 5,
  /** Bits of the threads that wait. */
  waiters: 6,
  /** Double: since when it is in this state, ms. */
  since: 8,
} as const

/** `vacant`: others wait for it, and one of them takes it. */
export const LEAD = { free: 0, led: 1, vacant: 2 } as const

export const OUTCOME: Readonly<Record<LeadOutcome, number>> = { stored: 1, failed: 2, uncacheable: 3 }

/** Whoever waits for a vacant lead takes it at once; after this time nobody does any more. */
const VACANT_MS = 1000
/** How long a change waits for another thread's, ms. */
const PATIENCE_MS = 20

/** Memory of the leads and of the predictor: 640 KiB, of which untouched pages take none. */
export function createLeadMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(WORDS * 4)
}

/**
 * Rows of leads in shared memory, found by a hash of 64 bits: two keys with the same one would wait for each other, and then look themselves up in
 * vain, but never get each other's answer. Beside them, bounded, the hashes of keys whose answers could not be cached lately.
 */
export class LeadTable {
  readonly words: Int32Array
  readonly times: Float64Array
  readonly lock: ShortLock
  readonly #thread: number
  readonly #hash: KeyHash = { a: 0, b: 0 }
  #turn = 0

  constructor(memory: SharedArrayBuffer, thread: number) {
    this.words = new Int32Array(memory)
    this.times = new Float64Array(memory)
    this.lock = new ShortLock(this.words, 0, thread)
    this.#thread = thread
  }

  acquire(): boolean {
    return this.lock.acquire(PATIENCE_MS)
  }

  get(row: number, word: number): number {
    return this.words[row + word] ?? 0
  }

  since(row: number): number {
    return this.times[(row + ROW.since) / 2] ?? 0
  }

  /** Hash of a key; the same object each time. The seeds need not be secret: a row that is fought for only costs coalescing. */
  hashOf(key: string): KeyHash {
    hashKey(key, 0x6c656164, 0x64616c65, this.#hash)
    return this.#hash
  }

  /** The row of a key that is led or vacant, -1: none. Under the lock. */
  find(hash: KeyHash): number {
    const set = this.#setOf(hash)
    for (let row = set; row < set + WAYS * ROW_WORDS; row += ROW_WORDS)
      if (
        this.get(row, ROW.state) !== LEAD.free &&
        this.get(row, ROW.hashA) === hash.a &&
        this.get(row, ROW.hashB) === hash.b
      )
        return row
    return -1
  }

  /** A row that nobody needs, for a key. Under the lock. -1: none */
  claim(hash: KeyHash, nowMs: number): number {
    const set = this.#setOf(hash)
    for (let row = set; row < set + WAYS * ROW_WORDS; row += ROW_WORDS) {
      const state = this.get(row, ROW.state)
      if (state === LEAD.free || (state === LEAD.vacant && nowMs - this.since(row) > VACANT_MS)) {
        this.words[row + ROW.state] = LEAD.free
        this.words[row + ROW.hashA] = hash.a
        this.words[row + ROW.hashB] = hash.b
        this.words[row + ROW.waiters] = 0
        return row
      }
    }
    return -1
  }

  /** From now on this thread leads. Under the lock. @returns the term */
  take(row: number, nowMs: number): number {
    const term = (this.get(row, ROW.term) + 1) | 0
    this.times[(row + ROW.since) / 2] = nowMs
    this.words[row + ROW.owner] = this.#thread + 1
    this.words[row + ROW.term] = term
    // Last: what a thread that dies in between has written means nothing.
    Atomics.store(this.words, row + ROW.state, LEAD.led)
    return term
  }

  /** Ends a lead. Under the lock. @returns bits of the threads that wait */
  end(row: number, outcome: number, isVacant: boolean, nowMs: number): number {
    const waiters = Atomics.exchange(this.words, row + ROW.waiters, 0)
    this.times[(row + ROW.since) / 2] = nowMs
    this.words[row + ROW.outcome] = outcome
    Atomics.store(this.words, row + ROW.state, isVacant && waiters !== 0 ? LEAD.vacant : LEAD.free)
    return waiters
  }

  /** Rows that a thread leads. Under the lock. */
  ledBy(thread: number): number[] {
    const rows: number[] = []
    for (let row = ROWS_AT; row < PREDICTOR_AT; row += ROW_WORDS)
      if (this.get(row, ROW.state) === LEAD.led && this.get(row, ROW.owner) === thread + 1) rows.push(row)
    return rows
  }

  isRemembered(hash: KeyHash): boolean {
    return this.#placeOf(hash) >= 0
  }

  /** Takes no lock: one that gets lost when two threads write at once is remembered the next time. */
  remember(hash: KeyHash, uncacheable: boolean): void {
    const place = this.#placeOf(hash)
    if (uncacheable === place >= 0) return
    if (!uncacheable) {
      this.words[place] = 0
      return
    }
    const set = predictorSet(hash)
    let victim = set + (this.#turn++ % PREDICTOR_WAYS)
    for (let at = set; at < set + PREDICTOR_WAYS; at += 1) if (this.words[at] === 0) victim = at
    this.words[victim] = hash.b
  }

  #placeOf(hash: KeyHash): number {
    const set = predictorSet(hash)
    for (let at = set; at < set + PREDICTOR_WAYS; at += 1)
      if (this.words[at] === hash.b && hash.b !== 0) return at
    return -1
  }

  #setOf(hash: KeyHash): number {
    return ROWS_AT + (hash.a & (SETS - 1)) * WAYS * ROW_WORDS
  }
}

function predictorSet(hash: KeyHash): number {
  return PREDICTOR_AT + (hash.a & (PREDICTOR_SETS - 1)) * PREDICTOR_WAYS
}
