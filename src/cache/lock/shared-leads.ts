import { setTimeout as delay } from 'node:timers/promises'
import type { SharedBell } from '../../memory/index.js'
import { now } from '../../time/index.js'
import { LEAD, LeadTable, OUTCOME, ROW } from './lead-table.js'
import type { CoalescingLimits, Joined, Lead, LeadOutcome, LockTable, WaitResult } from './types.js'
import { type Place, Wait } from './wait.js'

/** How often those who wait look at the time, ms. */
const TICK_MS = 20
/** Between two attempts to end a lead, or to put things in order, while another thread has the lock, ms. */
const RETRY_MS = 2

const ALONE: Joined = { kind: 'alone', predicted: false }
const PREDICTED: Joined = { kind: 'alone', predicted: true }

/** The table of leads in memory that all threads share, as one of them sees it. One object for each thread. */
export class SharedLeads implements LockTable {
  readonly table: LeadTable
  readonly bell: SharedBell
  readonly #waits = new Set<Wait>()
  #timer: NodeJS.Timeout | null = null

  /** @param memory of `createLeadMemory`. @param bell of this thread */
  constructor(memory: SharedArrayBuffer, thread: number, bell: SharedBell) {
    this.table = new LeadTable(memory, thread)
    this.bell = bell
  }

  join(key: string, limits: CoalescingLimits, onEnd: (result: WaitResult) => void, waitedMs = 0): Joined {
    const { table } = this
    const hash = table.hashOf(key)
    if (table.isRemembered(hash)) return PREDICTED
    const nowMs = now()
    if (!table.acquire()) return ALONE
    const found = table.find(hash)
    const row = found < 0 ? table.claim(hash, nowMs) : found
    const leads = row >= 0 && (found < 0 || this.#isOpen(row, limits, nowMs))
    const term = leads ? table.take(row, nowMs) : row >= 0 ? table.get(row, ROW.term) : 0
    table.lock.release()
    if (row < 0) return ALONE
    if (leads) return { kind: 'lead', lead: this.#leadOf(row, term, key) }
    return this.#wait({ key, row, term }, limits, nowMs + limits.waitMs - waitedMs, onEnd)
  }

  tryLead(key: string, limits: CoalescingLimits): Lead | null {
    const { table } = this
    const hash = table.hashOf(key)
    const nowMs = now()
    if (!table.acquire()) return null
    const found = table.find(hash)
    const row = found < 0 ? table.claim(hash, nowMs) : this.#isOpen(found, limits, nowMs) ? found : -1
    const term = row < 0 ? 0 : table.take(row, nowMs)
    table.lock.release()
    return row < 0 ? null : this.#leadOf(row, term, key)
  }

  remember(key: string, cacheable: boolean): void {
    this.table.remember(this.table.hashOf(key), !cacheable)
  }

  isUncacheable(key: string): boolean {
    return this.table.isRemembered(this.table.hashOf(key))
  }

  async forget(thread: number): Promise<void> {
    const { table } = this
    // What was half written of a row means nothing until its state says so: nothing has to be made anew.
    while (!table.lock.takeOver(thread) && !table.lock.tryAcquire()) await delay(RETRY_MS)
    let waiters = 0
    for (const row of table.ledBy(thread)) waiters |= table.end(row, OUTCOME.failed, true, now())
    table.lock.release()
    this.bell.ring(waiters)
  }

  /** For a wait: takes the lead that it has waited for. Null: another was first, and the wait goes on. */
  takeOver({ row, term, key }: Place, limits: CoalescingLimits): WaitResult | null {
    const { table } = this
    const nowMs = now()
    if (!table.acquire()) return null
    let taken = 0
    const isSame = table.get(row, ROW.term) === term
    const isOpen = isSame && this.#isOpen(row, limits, nowMs)
    if (isOpen) taken = table.take(row, nowMs)
    table.lock.release()
    if (!isSame) return { kind: 'look' }
    return isOpen ? { kind: 'lead', lead: this.#leadOf(row, taken, key) } : null
  }

  #isOpen(row: number, limits: CoalescingLimits, nowMs: number): boolean {
    const state = this.table.get(row, ROW.state)
    return state === LEAD.vacant || (state === LEAD.led && nowMs - this.table.since(row) >= limits.leadMs)
  }

  #leadOf(row: number, term: number, key: string): Lead {
    const { table } = this
    const isValid = (): boolean => table.get(row, ROW.term) === term && table.get(row, ROW.state) === LEAD.led
    let released = false
    const release = (outcome: LeadOutcome): void => {
      if (!table.acquire()) {
        setTimeout(release, RETRY_MS, outcome)
        return
      }
      const waiters = isValid() ? table.end(row, OUTCOME[outcome], outcome === 'failed', now()) : 0
      table.lock.release()
      this.bell.ring(waiters)
    }
    return {
      get valid() {
        return !released && isValid()
      },
      release: (outcome) => {
        if (released) return
        released = true
        if (outcome !== 'failed') this.remember(key, outcome === 'stored')
        release(outcome)
      },
    }
  }

  #wait(place: Place, limits: CoalescingLimits, endMs: number, onEnd: (result: WaitResult) => void): Joined {
    const wait = new Wait(this, place, limits, endMs, (result) => {
      this.#waits.delete(wait)
      onEnd(result)
    })
    this.#waits.add(wait)
    this.bell.add(wait)
    // The lead may have ended before the bell was told.
    Atomics.or(this.table.words, place.row + ROW.waiters, this.bell.bit)
    queueMicrotask(() => {
      if (!wait.onBell()) this.bell.remove(wait)
    })
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref()
    return {
      kind: 'wait',
      cancel: () => {
        wait.cancel()
        this.#waits.delete(wait)
        this.bell.remove(wait)
      },
    }
  }

  /** Leads that last too long, and waits, end by the clock. */
  #tick(): void {
    for (const wait of [...this.#waits]) if (!wait.onBell()) this.bell.remove(wait)
    if (this.#waits.size > 0 || this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
  }
}
