import type { Deadline, DeadlineWheel } from '../../time/index.js'
import type { AdaptiveLimit } from './adaptive-limit.js'
import { GUARD, type GuardMemory, SHARE, sumOfShares } from './layout.js'
import type { LimitConfig } from './types.js'

/** A session that waits for a place. */
export interface Waiter {
  /** There is a place: whoever is called takes it before it returns, or it goes to the next. */
  readonly onPlace: () => void
  /** The wait is over, in vain. */
  readonly onExpired: () => void
  readonly deadline: Deadline
}

/** How often a worker with waiting sessions looks whether another one has given a place back, ms. */
const LOOK_MS = 5

/**
 * How many sessions are at an upstream at the same time, over all workers. Each worker counts its own and adds up all; those it has no
 * place for wait in its own queue, in the order in which they came.
 */
export class SessionLimit {
  readonly config: LimitConfig
  /** Null: the limit is fixed. */
  readonly adaptive: AdaptiveLimit | null
  readonly #memory: GuardMemory
  readonly #own: number
  readonly #wheel: () => DeadlineWheel
  readonly #queue = new Set<Waiter>()
  #look: Deadline | null = null
  /** A place that was taken for the waiter that is being called. */
  #granted = false
  #serveSoon = false
  #wasFull = false

  /** @param wheel fine enough for a look every 5 ms */
  constructor(
    config: LimitConfig,
    memory: GuardMemory,
    wheel: () => DeadlineWheel,
    adaptive: AdaptiveLimit | null = null,
  ) {
    this.config = config
    this.adaptive = adaptive
    this.#memory = memory
    this.#own = memory.shares + memory.worker * memory.shareStride
    this.#wheel = wheel
  }

  /** The last `tryAcquire` found no place. */
  get wasFull(): boolean {
    return this.#wasFull
  }

  /** Takes a place, unless there is none or others of this worker wait. Never exceeds the limit, whatever other threads do. */
  tryAcquire(): boolean {
    this.#wasFull = false
    if (this.#granted) {
      this.#granted = false
      return true
    }
    if (this.#queue.size === 0 && this.#take()) return true
    this.#wasFull = true
    return false
  }

  /** Gives a place back; the next of those who wait gets it when the connection that was used is idle again. */
  release(): void {
    const held = Atomics.sub(this.#memory.words, this.#own + SHARE.active, 1)
    // A worker that has more places than another one with a queue leaves this one to all.
    if (this.#queue.size === 0 || this.#serveSoon || this.#othersHaveLess(held)) return
    this.#serveSoon = true
    queueMicrotask(() => {
      this.#serveSoon = false
      this.#serve()
    })
  }

  /** Queues. @returns null when as many wait as may, over all workers */
  wait(onPlace: () => void, onExpired: () => void): Waiter | null {
    const { words } = this.#memory
    // As in #take: first shown, then counted.
    Atomics.add(words, this.#own + SHARE.pending, 1)
    if (sumOfShares(this.#memory, SHARE.pending) > this.config.maxPending) {
      Atomics.sub(words, this.#own + SHARE.pending, 1)
      this.#countRejected()
      return null
    }
    const wheel = this.#wheel()
    const waiter: Waiter = {
      onPlace,
      onExpired,
      deadline: wheel.create(() => {
        this.leave(waiter)
        this.#countRejected()
        onExpired()
      }),
    }
    this.#queue.add(waiter)
    wheel.arm(waiter.deadline, this.config.pendingMs)
    this.#lookLater()
    return waiter
  }

  /** The session does not wait any more. Harmless when it has not. */
  leave(waiter: Waiter): void {
    if (!this.#queue.delete(waiter)) return
    Atomics.sub(this.#memory.words, this.#own + SHARE.pending, 1)
    this.#wheel().clear(waiter.deadline)
  }

  #take(): boolean {
    const { words } = this.#memory
    // First shown to all, then counted: of two threads that want the last place at least one sees both.
    Atomics.add(words, this.#own + SHARE.active, 1)
    if (sumOfShares(this.#memory, SHARE.active) <= this.#most) return true
    Atomics.sub(words, this.#own + SHARE.active, 1)
    return false
  }

  /** Sessions that may be there now. */
  get #most(): number {
    const { maxConnections } = this.config
    return this.adaptive === null ? maxConnections : Math.min(maxConnections, this.adaptive.value)
  }

  #serve(): void {
    for (const waiter of this.#queue) {
      if (!this.#take()) return
      this.leave(waiter)
      this.#granted = true
      waiter.onPlace()
      if (this.#granted) {
        this.#granted = false
        Atomics.sub(this.#memory.words, this.#own + SHARE.active, 1)
      }
    }
  }

  #lookLater(): void {
    const wheel = this.#wheel()
    this.#look ??= wheel.create(() => {
      this.#serve()
      if (this.#queue.size > 0) this.#lookLater()
    })
    wheel.arm(this.#look, LOOK_MS)
  }

  #othersHaveLess(held: number): boolean {
    const { words, shares, shareStride, workers, worker } = this.#memory
    for (let other = 0; other < workers; other += 1) {
      const at = shares + other * shareStride
      if (other === worker || Atomics.load(words, at + SHARE.pending) === 0) continue
      if (Atomics.load(words, at + SHARE.active) < held) return true
    }
    return false
  }

  #countRejected(): void {
    Atomics.add(this.#memory.words, this.#memory.at + GUARD.limitRejected, 1)
  }
}
