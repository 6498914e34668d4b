import { type Amount, addAmounts, compareAmounts, subtractAmounts, ZERO } from '../money/index.js'
import { committedAt, counted, refusalOf, resetAfter, withHeld } from './cap-window.js'
import { readLimit } from './limit-text.js'
import type { BudgetRecord, Records, TicketRecord } from './records.js'
import type {
  BudgetCheck,
  BudgetRefusalReason,
  BudgetUse,
  CapCheck,
  CapUse,
  CommitOptions,
  CommitStatus,
  Decision,
  ReleaseStatus,
  ReserveOptions,
  ReserveResult,
} from './state-store.js'

/** Records that are cleaned before a decision, so that no decision pays for a long pause. */
const CLEANED_AT_ONCE = 256

/**
 * The rules of caps and budgets over records of any kind. Pure but for `records`: each method reads and writes as one transaction
 * of its caller. What has run out is taken away first, so a reservation past its time never stands in anyone's way.
 */
export class Ledger {
  constructor(private readonly records: Records) {}

  reserve(decision: Decision, options: ReserveOptions, nowMs: number): ReserveResult {
    this.expire(nowMs, CLEANED_AT_ONCE)
    if (this.records.ticket(decision.id) !== undefined) return { granted: true }
    for (const [index, cap] of decision.caps.entries()) {
      const full = refusalOf(this.records.cap(cap.key), cap, nowMs)
      if (full !== null) return { granted: false, refusal: { kind: 'cap', index, max: cap.max, ...full } }
    }
    for (const [index, budget] of decision.budgets.entries()) {
      const reason = this.#budgetRefusal(budget, budget.pace)
      if (reason !== null) return { granted: false, refusal: { kind: 'budget', index, reason } }
    }
    if (options.settle === true) {
      this.#settle(decision, nowMs + (options.rememberMs ?? options.holdMs))
      this.#count(decision, nowMs)
    } else if (!holdsNothing(decision)) {
      this.#hold(decision, nowMs + options.holdMs)
    }
    return { granted: true }
  }

  commit(decision: Decision, options: CommitOptions, nowMs: number): CommitStatus {
    this.expire(nowMs, CLEANED_AT_ONCE)
    const { records } = this
    const ticket = records.ticket(decision.id)
    if (ticket?.settled === true) return 'duplicate'
    this.#settle(decision, nowMs + options.rememberMs)
    if (ticket !== undefined) {
      this.#letGo(ticket)
      this.#count(decision, nowMs)
      return 'counted'
    }
    if (holdsNothing(decision)) return 'counted'
    const policy = options.late ?? 'within-limit'
    if (policy === 'never') return 'refused'
    const noRoom =
      policy === 'within-limit' &&
      decision.budgets.some((budget) => this.#budgetRefusal(budget, null) !== null)
    this.#count(noRoom ? { ...decision, budgets: [] } : decision, nowMs)
    return noRoom ? 'refused' : 'late'
  }

  release(decision: Decision, nowMs: number): ReleaseStatus {
    this.expire(nowMs, CLEANED_AT_ONCE)
    const ticket = this.records.ticket(decision.id)
    if (ticket === undefined) return 'unknown'
    if (ticket.settled) return 'settled'
    this.#letGo(ticket)
    this.records.putTicket(decision.id, undefined)
    return 'released'
  }

  shorten({ id }: Decision, holdMs: number, nowMs: number): void {
    const ticket = this.records.ticket(id)
    const expiresAtMs = nowMs + holdMs
    if (ticket === undefined || ticket.settled || ticket.expiresAtMs <= expiresAtMs) return
    this.records.putTicket(id, { ...ticket, expiresAtMs })
    this.records.schedule(expiresAtMs, 'ticket', id)
  }

  capUse(caps: readonly CapCheck[], nowMs: number): CapUse[] {
    return caps.map(({ key, window }) => {
      const record = this.records.cap(key)
      if (record === undefined) return { committed: 0, held: 0, resetAfterMs: 0 }
      return {
        committed: committedAt(record, window, nowMs),
        held: record.held,
        resetAfterMs: resetAfter(record, window, nowMs),
      }
    })
  }

  budgetUse(budgets: readonly BudgetCheck[]): BudgetUse[] {
    return budgets.map((check) => {
      const record = this.records.budget(check.key)
      const limit = this.#limit(check)
      const currency = record?.currency ?? limit?.currency ?? check.currency
      return {
        spent: record?.spent ?? ZERO,
        held: record?.held ?? ZERO,
        open: record?.open ?? 0,
        limit: limit?.amount ?? null,
        currency,
      }
    })
  }

  /** @returns how many reservations ran out */
  expire(nowMs: number, max: number): number {
    const { records } = this
    let freed = 0
    for (const { kind, key } of records.takeDue(nowMs, max)) {
      if (kind === 'ticket') {
        const ticket = records.ticket(key)
        if (ticket === undefined) continue
        if (ticket.expiresAtMs > nowMs) {
          records.schedule(ticket.expiresAtMs, kind, key)
          continue
        }
        if (!ticket.settled) {
          this.#letGo(ticket)
          freed += 1
        }
        records.putTicket(key, undefined)
      } else if (kind === 'cap') {
        const record = records.cap(key)
        if (record === undefined) continue
        if (record.expiresAtMs > nowMs) records.schedule(record.expiresAtMs, kind, key)
        else records.putCap(key, undefined)
      } else {
        const expiresAtMs = records.budget(key)?.expiresAtMs
        if (expiresAtMs === undefined || expiresAtMs === null) continue
        if (expiresAtMs > nowMs) records.schedule(expiresAtMs, kind, key)
        else records.putBudget(key, undefined)
      }
    }
    return freed
  }

  #limit(check: BudgetCheck): { amount: Amount; currency: string } | null {
    const text = check.limitKey === null ? undefined : this.records.limit(check.limitKey)
    if (text === undefined)
      return check.limit === null ? null : { amount: check.limit, currency: check.currency }
    const limit = readLimit(text)
    return limit === null ? null : { amount: limit.amount, currency: limit.currency ?? check.currency }
  }

  #budgetRefusal(check: BudgetCheck, pace: Amount | null): BudgetRefusalReason | null {
    const limit = this.#limit(check)
    if (limit === null) return 'no-limit'
    const record = this.records.budget(check.key)
    if (limit.currency !== check.currency || (record !== undefined && record.currency !== check.currency)) {
      return 'currency'
    }
    const wanted =
      record === undefined ? check.cost : addAmounts(addAmounts(record.spent, record.held), check.cost)
    if (compareAmounts(wanted, limit.amount) > 0) return 'exhausted'
    return pace !== null && compareAmounts(wanted, pace) > 0 ? 'paced' : null
  }

  #hold(decision: Decision, untilMs: number): void {
    const { records } = this
    const capKeys: string[] = []
    for (const { key, mode } of decision.caps) {
      if (mode === 'check') continue
      const record = records.cap(key)
      records.putCap(key, withHeld(record, 1, untilMs))
      if (record === undefined) records.schedule(untilMs, 'cap', key)
      capKeys.push(key)
    }
    for (const budget of decision.budgets) {
      this.#change(budget, untilMs, (record) => ({
        ...record,
        held: addAmounts(record.held, budget.cost),
        open: record.open + 1,
      }))
    }
    const budgets = decision.budgets.map(({ key, cost }) => ({ key, cost }))
    records.putTicket(decision.id, { settled: false, expiresAtMs: untilMs, capKeys, budgets })
    records.schedule(untilMs, 'ticket', decision.id)
  }

  #settle(decision: Decision, untilMs: number): void {
    this.records.putTicket(decision.id, { settled: true, expiresAtMs: untilMs, capKeys: [], budgets: [] })
    this.records.schedule(untilMs, 'ticket', decision.id)
  }

  #letGo(ticket: TicketRecord): void {
    const { records } = this
    for (const key of ticket.capKeys) {
      const record = records.cap(key)
      if (record !== undefined) records.putCap(key, withHeld(record, -1, 0))
    }
    for (const { key, cost } of ticket.budgets) {
      const record = records.budget(key)
      if (record === undefined) continue
      const open = Math.max(0, record.open - 1)
      records.putBudget(key, { ...record, held: subtractAmounts(record.held, cost), open })
    }
  }

  #count(decision: Decision, nowMs: number): void {
    const { records } = this
    for (const { key, window, mode } of decision.caps) {
      if (mode === 'check') continue
      const old = records.cap(key)
      const record = counted(old, window, nowMs)
      records.putCap(key, record)
      if (old === undefined) records.schedule(record.expiresAtMs, 'cap', key)
    }
    for (const budget of decision.budgets) {
      this.#change(budget, nowMs, (record) => ({ ...record, spent: addAmounts(record.spent, budget.cost) }))
    }
  }

  #change(check: BudgetCheck, sinceMs: number, change: (record: BudgetRecord) => BudgetRecord): void {
    const { records } = this
    const old = records.budget(check.key)
    const expiresAtMs = check.ttlMs === null ? null : Math.max(old?.expiresAtMs ?? 0, sinceMs + check.ttlMs)
    const fresh = old ?? { spent: ZERO, held: ZERO, open: 0, currency: check.currency, expiresAtMs }
    records.putBudget(check.key, { ...change(fresh), expiresAtMs })
    if (old === undefined && expiresAtMs !== null) records.schedule(expiresAtMs, 'budget', check.key)
  }
}

/** It only looks: there is nothing to hold, to be late with or to give back. */
function holdsNothing({ caps, budgets }: Decision): boolean {
  return budgets.length === 0 && caps.every(({ mode }) => mode === 'check')
}
