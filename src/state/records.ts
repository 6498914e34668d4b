import type { Amount } from '../money/index.js'

/** What a store without scripts keeps of one cap. Plain data. */
export interface CapRecord {
  /** Start of the window; 0 when nothing is counted. */
  readonly startMs: number
  /** Events counted in it. Of a rolling window: unused. */
  readonly committed: number
  /** Reservations that are alive. */
  readonly held: number
  /** Of a rolling window: when each event was counted, oldest first. */
  readonly times: readonly number[]
  /** After that nobody needs the record, unless something is held. */
  readonly expiresAtMs: number
}

export interface BudgetRecord {
  readonly spent: Amount
  readonly held: Amount
  /** Reservations that hold it. */
  readonly open: number
  readonly currency: string
  /** Null: never. */
  readonly expiresAtMs: number | null
}

/** One decision: what it holds, or that it was settled. */
export interface TicketRecord {
  readonly settled: boolean
  /** Held: when it runs out. Settled: until when it is remembered. */
  readonly expiresAtMs: number
  readonly capKeys: readonly string[]
  readonly budgets: readonly { readonly key: string; readonly cost: Amount }[]
}

export type RecordKind = 'cap' | 'budget' | 'ticket'

export interface DueRecord {
  readonly kind: RecordKind
  readonly key: string
}

/** Where a {@link Ledger} keeps its records: all its calls between two answers are one transaction. */
export interface Records {
  cap(key: string): CapRecord | undefined
  /** Undefined removes it. */
  putCap(key: string, record: CapRecord | undefined): void
  budget(key: string): BudgetRecord | undefined
  putBudget(key: string, record: BudgetRecord | undefined): void
  ticket(id: string): TicketRecord | undefined
  putTicket(id: string, record: TicketRecord | undefined): void
  limit(key: string): string | undefined
  putLimit(key: string, text: string | undefined): void
  /** Looks at the record again at that time. */
  schedule(atMs: number, kind: RecordKind, key: string): void
  /** Takes what is due, at most `max`, oldest first. */
  takeDue(nowMs: number, max: number): readonly DueRecord[]
}
