/** Tries without giving up the core: a holder that runs is through within that time. */
const SPINS = 100
/** How long one wait for the holder lasts, ms. Somebody who waits longer looks again, also when no word came. */
const WAIT_MS = 1
/** Words that a lock takes in shared memory. */
export const SHORT_LOCK_WORDS = 2

/**
 * A lock between threads for sections of a microsecond that call nothing and wait for nothing. It names its holder, so that what a thread
 * held when it died can be taken over by whoever puts things in order behind it.
 */
export class ShortLock {
  readonly #words: Int32Array
  readonly #at: number
  readonly #name: number

  /** @param at first of {@link SHORT_LOCK_WORDS} words, zero at the beginning. @param thread number of this thread, from 0 on */
  constructor(words: Int32Array, at: number, thread: number) {
    this.#words = words
    this.#at = at
    this.#name = thread + 1
  }

  /** Takes it at once or not at all. */
  tryAcquire(): boolean {
    return Atomics.compareExchange(this.#words, this.#at, 0, this.#name) === 0
  }

  /** @param patienceMs a holder that has lost its core needs more than a section. @returns false: not within that time */
  acquire(patienceMs: number): boolean {
    const words = this.#words
    const at = this.#at
    if (this.tryAcquire()) return true
    for (let i = 0; i < SPINS; i += 1) if (Atomics.load(words, at) === 0 && this.tryAcquire()) return true
    const endMs = performance.now() + patienceMs
    let taken = false
    do {
      // Said anew before each wait: whoever gives the lock back takes all of these words as heard, those of the dead too.
      Atomics.store(words, at + 1, 1)
      const holder = Atomics.load(words, at)
      if (holder !== 0) Atomics.wait(words, at, holder, WAIT_MS)
      taken = this.tryAcquire()
    } while (!taken && performance.now() < endMs)
    return taken
  }

  release(): void {
    Atomics.store(this.#words, this.#at, 0)
    if (this.#words[this.#at + 1] === 0) return
    Atomics.store(this.#words, this.#at + 1, 0)
    Atomics.notify(this.#words, this.#at)
  }

  /** Who has ended with it in hand has it until it is taken over. */
  isHeldBy(thread: number): boolean {
    return Atomics.load(this.#words, this.#at) === thread + 1
  }

  /** Takes it from a thread that has ended. @returns false: that thread did not hold it */
  takeOver(dead: number): boolean {
    return Atomics.compareExchange(this.#words, this.#at, dead + 1, this.#name) === dead + 1
  }
}
