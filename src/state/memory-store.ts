import { now } from '../time/index.js'
import { DueQueue } from './due-queue.js'
import { Ledger } from './ledger.js'
import type { BudgetRecord, CapRecord, DueRecord, RecordKind, Records, TicketRecord } from './records.js'
import type {
  BudgetCheck,
  BudgetUse,
  CapCheck,
  CapUse,
  CommitOptions,
  CommitStatus,
  Decision,
  ReleaseStatus,
  ReserveOptions,
  ReserveResult,
  StateStore,
} from './state-store.js'
import { StateStoreError } from './state-store-error.js'

export interface MemoryStoreOptions {
  /** Records of caps and decisions together; what would be more is refused as `full` (F-44). Default 1,000,000. */
  readonly maxEntries?: number
  /** Milliseconds since the epoch. Default: the gateway's clock. */
  readonly clock?: () => number
}

const DEFAULT_MAX_ENTRIES = 1_000_000

/** State of one thread, gone with it: for tests and for trying things out. Everything in it runs out in its time. */
export class MemoryStore implements StateStore {
  readonly name = 'memory'
  readonly hashTags = false
  readonly #records = new MemoryRecords()
  readonly #ledger = new Ledger(this.#records)
  readonly #maxEntries: number
  readonly #clock: () => number
  #closed = false

  constructor(options: MemoryStoreOptions = {}) {
    this.#maxEntries = options.maxEntries ?? DEFAULT_MAX_ENTRIES
    this.#clock = options.clock ?? now
  }

  /** Records that it holds now. */
  get size(): number {
    return this.#records.size
  }

  reserve(decision: Decision, options: ReserveOptions): Promise<ReserveResult> {
    return this.#answer((nowMs) => {
      if (this.#records.size >= this.#maxEntries) {
        this.#ledger.expire(nowMs, Number.POSITIVE_INFINITY)
        if (this.#records.size >= this.#maxEntries) {
          throw new StateStoreError(
            this.name,
            'full',
            `the memory store holds ${this.#maxEntries} entries already`,
          )
        }
      }
      return this.#ledger.reserve(decision, options, nowMs)
    })
  }

  commit(decision: Decision, options: CommitOptions): Promise<CommitStatus> {
    return this.#answer((nowMs) => this.#ledger.commit(decision, options, nowMs))
  }

  release(decision: Decision): Promise<ReleaseStatus> {
    return this.#answer((nowMs) => this.#ledger.release(decision, nowMs))
  }

  capUse(caps: readonly CapCheck[]): Promise<readonly CapUse[]> {
    return this.#answer((nowMs) => {
      this.#ledger.expire(nowMs, Number.POSITIVE_INFINITY)
      return this.#ledger.capUse(caps, nowMs)
    })
  }

  budgetUse(budgets: readonly BudgetCheck[]): Promise<readonly BudgetUse[]> {
    return this.#answer((nowMs) => {
      this.#ledger.expire(nowMs, Number.POSITIVE_INFINITY)
      return this.#ledger.budgetUse(budgets)
    })
  }

  setLimit(limitKey: string, limit: string | null): Promise<void> {
    return this.#answer(() => this.#records.putLimit(limitKey, limit ?? undefined))
  }

  expire(): Promise<number> {
    return this.#answer((nowMs) => this.#ledger.expire(nowMs, Number.POSITIVE_INFINITY))
  }

  async healthCheck(): Promise<boolean> {
    return !this.#closed
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  async #answer<T>(ask: (nowMs: number) => T): Promise<T> {
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
