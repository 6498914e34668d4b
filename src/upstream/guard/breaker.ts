import { TICK_MS } from '../peers/layout.js'
import type { BreakerState } from './guard-stats.js'
import { GUARD, type GuardMemory, SHARE, SLICES } from './layout.js'
import type { BreakerConfig } from './types.js'

/** Leave to make one attempt; a probe is the only one under way. */
export type BreakerPass = 'free' | 'probe'

/** A change of a breaker that this worker has made. */
export interface BreakerChange {
  readonly to: BreakerState
  /** Attempts and failures in the window, when it opens for these. */
  readonly requests?: number
  readonly failures?: number
}

/** Open since always: the next one who comes probes. */
const DUE = 1

/**
 * Leaves an upstream alone that fails too often. One state for all workers: closed, open for a time, then half-open, when one attempt
 * after the other probes. Every worker counts its own attempts; who counts a failure adds up those of all.
 */
export class Breaker {
  readonly #config: BreakerConfig
  readonly #memory: GuardMemory
  readonly #words: Int32Array
  readonly #clock: () => number
  readonly #onChange: (change: BreakerChange) => void

  /** @param clock milliseconds, as `now()` */
  constructor(
    config: BreakerConfig,
    memory: GuardMemory,
    clock: () => number,
    onChange: (change: BreakerChange) => void,
  ) {
    this.#config = config
    this.#memory = memory
    this.#words = memory.words
    this.#clock = clock
    this.#onChange = onChange
  }

  /** Asks for an attempt. @returns null: not now, see `retryAfterMs` */
  enter(): BreakerPass | null {
    const state = this.#state
    if (state === 0) return 'free'
    if (state > 0 && state <= this.#tick() && this.#swap(state, this.#probing)) {
      if (state !== DUE) this.#onChange({ to: 'half-open' })
      return 'probe'
    }
    // It may have closed just now.
    if (this.#state === 0) return 'free'
    this.#count('breakerRejected')
    return null
  }

  /** Whoever asks now is refused. */
  get isShut(): boolean {
    const state = this.#state
    return state < 0 || state > this.#tick()
  }

  /** Time until somebody may probe, 0 when that may be any moment. */
  get retryAfterMs(): number {
    const state = this.#state
    return state <= 0 ? 0 : Math.max(0, (state - this.#tick()) * TICK_MS)
  }

  /** The attempt has ended well. */
  passed(pass: BreakerPass): void {
    if (pass === 'free') {
      // Where only failures count, good attempts need not be known.
      if (this.#config.errorShare > 0 && this.#state === 0) this.#record(0)
      return
    }
    const passed = Atomics.add(this.#words, this.#memory.at + GUARD.probesPassed, 1) + 1
    if (passed < this.#config.halfOpen) {
      this.#swap(this.#probing, DUE)
      return
    }
    // What was before does not count, nor the rest of this slice.
    Atomics.store(this.#words, this.#memory.at + GUARD.since, this.#slice() + 1)
    if (!this.#swap(this.#probing, 0)) return
    this.#count('breakerClosed')
    this.#onChange({ to: 'closed' })
  }

  /** The attempt has failed. */
  failed(pass: BreakerPass): void {
    if (pass === 'probe') {
      if (this.#open(this.#probing)) this.#onChange({ to: 'open' })
      return
    }
    // Who began before it opened has nothing new to tell.
    if (this.#state !== 0) return
    this.#record(1)
    const { requests, failures } = this.#sums()
    if (this.#isTooMuch(requests, failures) && this.#open(0))
      this.#onChange({ to: 'open', requests, failures })
  }

  /** The attempt has ended without telling anything. */
  abandoned(pass: BreakerPass): void {
    if (pass === 'probe') this.#swap(this.#probing, DUE)
  }

  #isTooMuch(requests: number, failures: number): boolean {
    const { failures: most, errorShare, minRequests } = this.#config
    if (most > 0 && failures >= most) return true
    return errorShare > 0 && requests >= minRequests && failures >= requests * errorShare
  }

  #open(from: number): boolean {
    const until = this.#tick() + Math.ceil(this.#config.openMs / TICK_MS)
    Atomics.store(this.#words, this.#memory.at + GUARD.probesPassed, 0)
    if (!this.#swap(from, until)) return false
    this.#count('breakerOpened')
    return true
  }

  /** Counts an attempt in the slice of now of this worker's window. */
  #record(failures: 0 | 1): void {
    const { shares, shareStride, worker } = this.#memory
    const slice = this.#slice()
    const at = shares + worker * shareStride + SHARE.slices + 3 * (slice % SLICES)
    if (this.#words[at] !== slice) {
      // Others look at the number first, so what it was before is gone before it changes.
      Atomics.store(this.#words, at + 1, 0)
      Atomics.store(this.#words, at + 2, 0)
      Atomics.store(this.#words, at, slice)
    }
    Atomics.add(this.#words, at + 1, 1)
    if (failures > 0) Atomics.add(this.#words, at + 2, 1)
  }

  #sums(): { requests: number; failures: number } {
    const { shares, shareStride, workers, at: common } = this.#memory
    const slice = this.#slice()
    const since = Math.max(Atomics.load(this.#words, common + GUARD.since), slice - SLICES + 1)
    let requests = 0
    let failures = 0
    for (let worker = 0; worker < workers; worker += 1) {
      const first = shares + worker * shareStride + SHARE.slices
      for (let at = first; at < first + 3 * SLICES; at += 3) {
        const number = Atomics.load(this.#words, at)
        if (number < since || number > slice) continue
        requests += Atomics.load(this.#words, at + 1)
        failures += Atomics.load(this.#words, at + 2)
      }
    }
    return { requests, failures }
  }

  /** Number of the slice of now, from 1. */
  #slice(): number {
    const { epochMs } = this.#memory
    return Math.max(1, Math.floor(((this.#clock() - epochMs) * SLICES) / this.#config.windowMs) + 1)
  }

  #tick(): number {
    return Math.max(1, Math.floor((this.#clock() - this.#memory.epochMs) / TICK_MS) + 1)
  }

  get #probing(): number {
    return -1 - this.#memory.worker
  }

  /** Read plainly, for every request: it may be a moment old, and each change is checked where it is made. */
  get #state(): number {
    return this.#words[this.#memory.at + GUARD.breaker] ?? 0
  }

  #swap(before: number, after: number): boolean {
    return Atomics.compareExchange(this.#words, this.#memory.at + GUARD.breaker, before, after) === before
  }

  #count(word: 'breakerOpened' | 'breakerClosed' | 'breakerRejected'): void {
    Atomics.add(this.#words, this.#memory.at + GUARD[word], 1)
  }
}
