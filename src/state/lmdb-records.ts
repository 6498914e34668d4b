import type { Database } from 'lmdb'
import type { Amount } from '../money/index.js'
import type { BudgetRecord, CapRecord, DueRecord, RecordKind, Records, TicketRecord } from './records.js'

/** What one entry of the database may be: records lie in it as flat arrays, which are the smallest to write. */
export type LmdbValue = string | number | readonly (string | number | null)[]

/** LMDB allows keys of 1978 bytes; the longest that is made of a key here is one of the due times. */
export const MAX_KEY_BYTES = 1500

const FIRST_TIME = 4

/** Records in LMDB. All calls happen inside a write transaction of {@link LmdbStore}. */
export class LmdbRecords implements Records {
  constructor(private readonly db: Database<LmdbValue>) {}

  cap(key: string): CapRecord | undefined {
    const value = this.#numbers(['c', key])
    if (value === undefined) return undefined
    const [startMs = 0, committed = 0, held = 0, expiresAtMs = 0] = value
    return { startMs, committed, held, expiresAtMs, times: value.slice(FIRST_TIME) }
  }

  putCap(key: string, record: CapRecord | undefined): void {
    this.#put(
      ['c', key],
      record && [record.startMs, record.committed, record.held, record.expiresAtMs, ...record.times],
    )
  }

  budget(key: string): BudgetRecord | undefined {
    const value = this.db.get(['b', key])
    if (!Array.isArray(value)) return undefined
    const [currency, expiresAtMs, ...amounts] = value as [string, number | null, ...number[]]
    // Records of former versions do not say how many are open.
    const open = amounts[4] ?? 0
    return { currency, expiresAtMs, spent: amountAt(amounts, 0), held: amountAt(amounts, 2), open }
  }

  putBudget(key: string, record: BudgetRecord | undefined): void {
    this.#put(
      ['b', key],
      record && [
        record.currency,
        record.expiresAtMs,
        record.spent.micros,
        record.spent.nanos,
        record.held.micros,
        record.held.nanos,
        record.open,
      ],
    )
  }

  ticket(id: string): TicketRecord | undefined {
    const value = this.db.get(['t', id])
    if (!Array.isArray(value)) return undefined
    const [settled, expiresAtMs, capCount, ...rest] = value as [
      number,
      number,
      number,
      ...(string | number)[],
    ]
    const capKeys = rest.slice(0, capCount).map(String)
    const budgets: { key: string; cost: Amount }[] = []
    for (let index = capCount; index < rest.length; index += 3) {
      const cost = { micros: Number(rest[index + 1]), nanos: Number(rest[index + 2]) }
      budgets.push({ key: String(rest[index]), cost })
    }
    return { settled: settled === 1, expiresAtMs, capKeys, budgets }
  }

  putTicket(id: string, record: TicketRecord | undefined): void {
    this.#put(
      ['t', id],
      record && [
        record.settled ? 1 : 0,
        record.expiresAtMs,
        record.capKeys.length,
        ...record.capKeys,
        ...record.budgets.flatMap(({ key, cost }) => [key, cost.micros, cost.nanos]),
      ],
    )
  }

  limit(key: string): string | undefined {
    const value = this.db.get(['l', key])
    return typeof value === 'string' ? value : undefined
  }

  putLimit(key: string, text: string | undefined): void {
    this.#put(['l', key], text)
  }

  schedule(atMs: number, kind: RecordKind, key: string): void {
    this.#put(['x', atMs, kind, key], 1)
  }

  takeDue(nowMs: number, max: number): readonly DueRecord[] {
    const keys = this.db.getKeys({ start: ['x'], end: ['x', nowMs, '\uffff'], limit: max }).asArray as unknown
    const due: DueRecord[] = []
    for (const key of keys as [string, number, RecordKind, string][]) {
      this.db.remove(key)
      due.push({ kind: key[2], key: key[3] })
    }
    return due
  }

  #numbers(key: string[]): number[] | undefined {
    const value = this.db.get(key)
    return Array.isArray(value) ? (value as number[]) : undefined
  }

  /** Inside a transaction both happen at once; what they return says nothing more. */
  #put(key: (string | number)[], value: LmdbValue | undefined): void {
    if (value === undefined) this.db.remove(key)
    else this.db.put(key, value)
  }
}

function amountAt(numbers: readonly number[], index: number): Amount {
  return { micros: numbers[index] ?? 0, nanos: numbers[index + 1] ?? 0 }
}
