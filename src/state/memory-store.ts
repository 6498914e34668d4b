import { now } from '../time/index.js'
import { DueQueue } from './due-queue.js'
import { Ledger } from './ledger.js'
import { LedgerStore } from './ledger-store.js'
import type { BudgetRecord, CapRecord, DueRecord, RecordKind, Records, TicketRecord } from './records.js'
import { StateStoreError } from './state-store-error.js'

export interface MemoryStoreOptions {
  /** Records of caps and decisions together; what would be more is refused as `full` (F-44). Default 1,000,000. */
  readonly maxEntries?: number
  /** Milliseconds since the epoch. Default: the gateway's clock. */
  readonly clock?: () => number
}

const DEFAULT_MAX_ENTRIES = 1_000_000

/** State of one thread, gone with it: for tests and for trying things out. Everything in it runs out in its time. */
export class MemoryStore extends LedgerStore {
  readonly name = 'memory'
  protected readonly records = new MemoryRecords()
  protected readonly ledger = new Ledger(this.records)
  readonly #maxEntries: number
  readonly #clock: () => number
  #closed = false

  constructor(options: MemoryStoreOptions = {}) {
    super()
    this.#maxEntries = options.maxEntries ?? DEFAULT_MAX_ENTRIES
    this.#clock = options.clock ?? now
  }

  /** Records that it holds now. */
  get size(): number {
    return this.records.size
  }

  async healthCheck(): Promise<boolean> {
    return !this.#closed
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  protected override makeRoom(nowMs: number): void {
    if (this.records.size < this.#maxEntries) return
    this.ledger.expire(nowMs, Number.MAX_SAFE_INTEGER)
    if (this.records.size < this.#maxEntries) return
    const message = `the memory store holds ${this.#maxEntries} entries already`
    throw new StateStoreError(this.name, 'full', message)
  }

  protected async answer<T>(ask: (nowMs: number) => T): Promise<T> {
    if (this.#closed) throw new StateStoreError(this.name, 'closed', 'the memory store is closed')
    return ask(this.#clock())
  }
}

class MemoryRecords implements Records {
  readonly #caps = new Map<string, CapRecord>()
  readonly #budgets = new Map<string, BudgetRecord>()
  readonly #tickets = new Map<string, TicketRecord>()
  readonly #limits = new Map<string, string>()
  readonly #due = new DueQueue<DueRecord>()

  get size(): number {
    return this.#caps.size + this.#tickets.size
  }

  cap(key: string): CapRecord | undefined {
    return this.#caps.get(key)
  }

  putCap(key: string, record: CapRecord | undefined): void {
    put(this.#caps, key, record)
  }

  budget(key: string): BudgetRecord | undefined {
    return this.#budgets.get(key)
  }

  putBudget(key: string, record: BudgetRecord | undefined): void {
    put(this.#budgets, key, record)
  }

  ticket(id: string): TicketRecord | undefined {
    return this.#tickets.get(id)
  }

  putTicket(id: string, record: TicketRecord | undefined): void {
    put(this.#tickets, id, record)
  }

  limit(key: string): string | undefined {
    return this.#limits.get(key)
  }

  putLimit(key: string, text: string | undefined): void {
    put(this.#limits, key, text)
  }

  schedule(atMs: number, kind: RecordKind, key: string): void {
    this.#due.add(atMs, { kind, key })
  }

  takeDue(nowMs: number, max: number): readonly DueRecord[] {
    return this.#due.take(nowMs, max)
  }
}

function put<T>(map: Map<string, T>, key: string, value: T | undefined): void {
  if (value === undefined) map.delete(key)
  else map.set(key, value)
}
