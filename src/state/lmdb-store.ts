import { mkdirSync } from 'node:fs'
import { open, type RootDatabase } from 'lmdb'
import { Ledger } from './ledger.js'
import { LedgerStore } from './ledger-store.js'
import { LmdbRecords, type LmdbValue, MAX_KEY_BYTES } from './lmdb-records.js'
import type { Decision } from './state-store.js'
import { StateStoreError } from './state-store-error.js'

export interface LmdbStoreOptions {
  /** Directory of the database; made when it is missing. All threads and processes of the machine that name it share its state. */
  readonly path: string
  /**
   * `disk` (default): an answer is given when its decision is on the disk, so a power failure loses nothing. `process`: when the operating
   * system has it: the death of the process loses nothing, a power failure may lose the file; about ten times as fast.
   */
  readonly durability?: 'disk' | 'process'
  /** Room that the file may grow to. It is address space, not memory. Default 4 GiB. */
  readonly maxSizeBytes?: number
  /** Decisions that may wait; more are refused as `overloaded`. Default 10,000. */
  readonly maxWaiting?: number
  /** Milliseconds since the epoch, the same in all processes. Default `Date.now`. */
  readonly clock?: () => number
  /** Told when decisions begin to fail, as on a full disk, and with null when they are taken again. */
  readonly onHealth?: (failure: Error | null) => void
}

const DEFAULT_MAX_SIZE_BYTES = 4 * 1024 * 1024 * 1024
const DEFAULT_MAX_WAITING = 10_000

/** Decisions of one transaction: others wait for its lock meanwhile. */
const MAX_BATCH = 256

/** lmdb's TransactionFlags: abortable, committed on return. */
const COMMITTED = 3
/** The same, and the flush to disk happens outside of the lock; it is done on return. */
const COMMITTED_AND_FLUSHED = 0x10003

interface Waiting {
  ask(nowMs: number): void
  answer(): void
  fail(error: unknown): void
}

/**
 * State in a file of this machine, shared by all threads and processes. A decision is one ACID transaction, so `kill -9` at any point
 * leaves either all of it or nothing; decisions of one turn of the event loop share a transaction.
 *
 * Open it in threads that nobody terminates: a worker that `terminate()` ends within a transaction hangs in lmdb's own cleaning up, with
 * the lock of all. Workers that may be terminated ask through a {@link PortStore}.
 */
export class LmdbStore extends LedgerStore {
  readonly name = 'lmdb'
  protected readonly records: LmdbRecords
  protected readonly ledger: Ledger
  readonly #db: RootDatabase<LmdbValue>
  readonly #clock: () => number
  readonly #flags: number
  readonly #maxWaiting: number
  readonly #onHealth: (failure: Error | null) => void
  #failing = false
  #waiting: Waiting[] = []
  #scheduled = false
  #closing: Promise<void> | null = null

  /** @throws StateStoreError when the database cannot be opened */
  constructor(options: LmdbStoreOptions) {
    super()
    const { path, durability = 'disk', maxSizeBytes = DEFAULT_MAX_SIZE_BYTES } = options
    try {
      mkdirSync(path, { recursive: true })
      this.#db = open<LmdbValue>({
        path,
        mapSize: maxSizeBytes,
        encoding: 'msgpack',
        cache: false,
        ...(durability === 'process' ? { noSync: true } : {}),
      })
    } catch (cause) {
      throw new StateStoreError('lmdb', 'unavailable', `cannot open the state database '${path}'`, cause)
    }
    this.records = new LmdbRecords(this.#db)
    this.ledger = new Ledger(this.records)
    this.#clock = options.clock ?? Date.now
    this.#flags = durability === 'process' ? COMMITTED : COMMITTED_AND_FLUSHED
    this.#maxWaiting = options.maxWaiting ?? DEFAULT_MAX_WAITING
    this.#onHealth = options.onHealth ?? (() => undefined)
  }

  async healthCheck(): Promise<boolean> {
    if (this.#closing !== null) return false
    try {
      this.records.limit('')
      return true
    } catch {
      return false
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    while (this.#waiting.length > 0) this.#flush()
    await this.#db.close()
  }

  protected override check(decision: Decision): void {
    checkKey(decision.id)
    for (const { key } of decision.caps) checkKey(key)
    for (const { key } of decision.budgets) checkKey(key)
  }

  protected answer<T>(ask: (nowMs: number) => T): Promise<T> {
    if (this.#closing !== null) {
      return Promise.reject(new StateStoreError(this.name, 'closed', 'the state database is closed'))
    }
    if (this.#waiting.length >= this.#maxWaiting) {
      const message = `${this.#waiting.length} decisions wait for the state database already`
      return Promise.reject(new StateStoreError(this.name, 'overloaded', message))
    }
    return new Promise((resolve, reject) => {
      let result: T
      this.#waiting.push({
        ask: (nowMs) => {
          result = ask(nowMs)
        },
        answer: () => resolve(result),
        fail: (cause) =>
          reject(new StateStoreError(this.name, 'unavailable', 'the state database failed', cause)),
      })
      if (this.#scheduled) return
      this.#scheduled = true
      setImmediate(this.#onTurn)
    })
  }

  readonly #onTurn = (): void => {
    this.#scheduled = false
    if (this.#waiting.length === 0) return
    this.#flush()
    if (this.#waiting.length === 0) return
    this.#scheduled = true
    setImmediate(this.#onTurn)
  }

  #flush(): void {
    const batch = this.#waiting.splice(0, MAX_BATCH)
    try {
      this.#db.transactionSync(() => {
        const nowMs = Math.trunc(this.#clock())
        for (const { ask } of batch) ask(nowMs)
      }, this.#flags)
    } catch (error) {
      for (const { fail } of batch) fail(error)
      if (!this.#failing) this.#onHealth(error instanceof Error ? error : new Error(String(error)))
      this.#failing = true
      return
    }
    if (this.#failing) this.#onHealth(null)
    this.#failing = false
    for (const { answer } of batch) answer()
  }
}

/** @throws TypeError for a key that the database cannot hold */
function checkKey(key: string): void {
  if (key.length * 3 <= MAX_KEY_BYTES || Buffer.byteLength(key) <= MAX_KEY_BYTES) return
  throw new TypeError(`a key of ${Buffer.byteLength(key)} bytes is too long: ${MAX_KEY_BYTES} are allowed`)
}
