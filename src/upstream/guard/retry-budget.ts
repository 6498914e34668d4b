import { GUARD, type GuardMemory } from './layout.js'
import type { RetryBudgetConfig } from './types.js'

/** Parts of a retry that a session earns. */
const UNIT = 1000
/** Earned retries that are kept for bad times. */
export const MAX_SAVED_RETRIES = 1000
/** Bits of the count within a second; the rest of the word is the second. */
const COUNT_BITS = 8
const SECOND_MASK = 0x7f_ffff

/**
 * Retries that an upstream gets, over all workers: each session earns a share of one, each retry costs one, so that the upstream never
 * sees more than `1 + share` times the requests (A13). With few sessions `minPerSecond` are made on credit, which what is earned later
 * pays back first; the credit is no larger than that number.
 */
export class RetryBudget {
  readonly #words: Int32Array
  readonly #at: number
  readonly #earned: number
  readonly #min: number
  readonly #second: () => number
  /** Earned by this worker and not shown to the others yet: less than one retry. */
  #unsaid = 0

  /** @param clock milliseconds */
  constructor({ words, at, epochMs }: GuardMemory, config: RetryBudgetConfig, clock: () => number) {
    this.#words = words
    this.#at = at
    this.#earned = config.share * UNIT
    this.#min = config.minPerSecond
    this.#second = () => Math.floor((clock() - epochMs) / 1000) & SECOND_MASK
  }

  /** A session comes. Shared memory is only written for whole retries. */
  earn(): void {
    this.#unsaid += this.#earned
    if (this.#unsaid >= UNIT) this.#say()
  }

  /** Takes one retry. @returns false when there is none left */
  take(): boolean {
    if (this.#unsaid >= 1) this.#say()
    const at = this.#at + GUARD.tokens
    for (;;) {
      const tokens = Atomics.load(this.#words, at)
      if (tokens < UNIT) return this.#borrow()
      if (Atomics.compareExchange(this.#words, at, tokens, tokens - UNIT) !== tokens) continue
      this.#countInSecond()
      return true
    }
  }

  #say(): void {
    const whole = Math.floor(this.#unsaid)
    this.#unsaid -= whole
    const at = this.#at + GUARD.tokens
    const most = MAX_SAVED_RETRIES * UNIT
    if (Atomics.load(this.#words, at) >= most) return
    const after = Atomics.add(this.#words, at, whole) + whole
    // Two that do this at once take off too much rather than too little.
    if (after > most) Atomics.sub(this.#words, at, after - most)
  }

  #borrow(): boolean {
    if (!this.#countInSecond()) return false
    const at = this.#at + GUARD.tokens
    if (Atomics.load(this.#words, at) - UNIT >= -this.#min * UNIT) Atomics.sub(this.#words, at, UNIT)
    return true
  }

  /** Counts a retry of this second, up to the minimum. @returns false when there were as many already */
  #countInSecond(): boolean {
    if (this.#min === 0) return false
    const at = this.#at + GUARD.reserve
    const second = this.#second()
    for (;;) {
      const before = Atomics.load(this.#words, at)
      const count = before >> COUNT_BITS === second ? before & ((1 << COUNT_BITS) - 1) : 0
      if (count >= this.#min) return false
      const after = (second << COUNT_BITS) | (count + 1)
      if (Atomics.compareExchange(this.#words, at, before, after) === before) return true
    }
  }
}
