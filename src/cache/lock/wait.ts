import type { BellListener } from '../../memory/index.js'
import { now } from '../../time/index.js'
import { LEAD, OUTCOME, ROW } from './lead-table.js'
import type { SharedLeads } from './shared-leads.js'
import type { CoalescingLimits, WaitResult } from './types.js'

/** What is waited for: a term of a row. */
export interface Place {
  readonly key: string
  readonly row: number
  readonly term: number
}

/** A session that waits for the lead of another one. */
export class Wait implements BellListener {
  readonly #leads: SharedLeads
  readonly #place: Place
  readonly #limits: CoalescingLimits
  readonly #endMs: number
  #onEnd: ((result: WaitResult) => void) | null

  constructor(
    leads: SharedLeads,
    place: Place,
    limits: CoalescingLimits,
    endMs: number,
    onEnd: (result: WaitResult) => void,
  ) {
    this.#leads = leads
    this.#place = place
    this.#limits = limits
    this.#endMs = endMs
    this.#onEnd = onEnd
  }

  cancel(): void {
    this.#onEnd = null
  }

  onBell(): boolean {
    const onEnd = this.#onEnd
    if (onEnd === null) return false
    const result = this.#look()
    if (result === null) return true
    this.#onEnd = null
    onEnd(result)
    return false
  }

  /** What it has come to; null: it goes on. */
  #look(): WaitResult | null {
    const { table, bell } = this.#leads
    const { row, term } = this.#place
    const nowMs = now()
    // First says that it waits, then looks: whoever ends the lead does it the other way round.
    Atomics.or(table.words, row + ROW.waiters, bell.bit)
    const state = Atomics.load(table.words, row + ROW.state)
    if (table.get(row, ROW.term) !== term) return { kind: 'look' }
    if (state === LEAD.free)
      return { kind: table.get(row, ROW.outcome) === OUTCOME.uncacheable ? 'alone' : 'look' }
    if (nowMs >= this.#endMs) return { kind: 'timeout' }
    if (state === LEAD.led && nowMs - table.since(row) < this.#limits.leadMs) return null
    return this.#leads.takeOver(this.#place, this.#limits)
  }
}
