import type { Ledger } from './ledger.js'
import type { Records } from './records.js'
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

/** A store that decides by itself, with a {@link Ledger} over records: what remains to say is how a question becomes a transaction. */
export abstract class LedgerStore implements StateStore {
  abstract readonly name: string
  readonly hashTags = false
  protected abstract readonly records: Records
  protected abstract readonly ledger: Ledger

  async reserve(decision: Decision, options: ReserveOptions): Promise<ReserveResult> {
    this.check(decision)
    return this.answer((nowMs) => {
      this.makeRoom(nowMs)
      return this.ledger.reserve(decision, options, nowMs)
    })
  }

  async commit(decision: Decision, options: CommitOptions): Promise<CommitStatus> {
    this.check(decision)
    return this.answer((nowMs) => this.ledger.commit(decision, options, nowMs))
  }

  async release(decision: Decision): Promise<ReleaseStatus> {
    this.check(decision)
    return this.answer((nowMs) => this.ledger.release(decision, nowMs))
  }

  async shorten(decision: Decision, holdMs: number): Promise<void> {
    this.check(decision)
    return this.answer((nowMs) => this.ledger.shorten(decision, holdMs, nowMs))
  }

  capUse(caps: readonly CapCheck[]): Promise<readonly CapUse[]> {
    return this.answer((nowMs) => {
      this.ledger.expire(nowMs, Number.MAX_SAFE_INTEGER)
      return this.ledger.capUse(caps, nowMs)
    })
  }

  budgetUse(budgets: readonly BudgetCheck[]): Promise<readonly BudgetUse[]> {
    return this.answer((nowMs) => {
      this.ledger.expire(nowMs, Number.MAX_SAFE_INTEGER)
      return this.ledger.budgetUse(budgets)
    })
  }

  setLimit(limitKey: string, limit: string | null): Promise<void> {
    return this.answer(() => this.records.putLimit(limitKey, limit ?? undefined))
  }

  expire(): Promise<number> {
    return this.answer((nowMs) => this.ledger.expire(nowMs, Number.MAX_SAFE_INTEGER))
  }

  abstract healthCheck(): Promise<boolean>
  abstract close(): Promise<void>

  /** Asks within one transaction. Rejects with a StateStoreError when it cannot. */
  protected abstract answer<T>(ask: (nowMs: number) => T): Promise<T>

  /** @throws TypeError for a decision that the store cannot hold */
  protected check(_decision: Decision): void {}

  /** Before something new is held. @throws StateStoreError when there is no room */
  protected makeRoom(_nowMs: number): void {}
}
