const GENERATION = 0
const RELOADS = 1
const FAILED = 2
const LAST_FAILED = 3
const SHED_FROM = 4
const DEGRADED_STORES = 5
/** Of doubles. */
const TAKEN_MS = 4
const WORDS = 16

/**
 * What the supervisor tells about the gateway as a whole: which configuration is in use and what became of reloads, and what is being
 * refused because there is too much of it. Written by the main thread, read by any.
 */
export class LifecycleBoard {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #numbers: Float64Array

  constructor(buffer = new SharedArrayBuffer(WORDS * 4)) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
    this.#numbers = new Float64Array(buffer)
  }

  /** Number of the configuration in use: 1 at the start, one more with each reload. */
  get generation(): number {
    return Atomics.load(this.#words, GENERATION)
  }

  set generation(generation: number) {
    Atomics.store(this.#words, GENERATION, generation)
    this.#numbers[TAKEN_MS] = Date.now()
  }

  /** When the configuration in use was taken, milliseconds since 1970; 0: none was. */
  get takenMs(): number {
    return this.#numbers[TAKEN_MS] ?? 0
  }

  /** Reloads that were asked for and what became of them. */
  get reloads(): { readonly succeeded: number; readonly failed: number; readonly lastSucceeded: boolean } {
    return {
      succeeded: Atomics.load(this.#words, RELOADS),
      failed: Atomics.load(this.#words, FAILED),
      lastSucceeded: Atomics.load(this.#words, LAST_FAILED) === 0,
    }
  }

  countReload(succeeded: boolean): void {
    Atomics.add(this.#words, succeeded ? RELOADS : FAILED, 1)
    Atomics.store(this.#words, LAST_FAILED, succeeded ? 0 : 1)
  }

  /** Priorities below this are refused at the moment: 0 none, 1 low, 2 normal as well, 3 all. */
  get shedBelow(): number {
    return Atomics.load(this.#words, SHED_FROM)
  }

  set shedBelow(level: number) {
    Atomics.store(this.#words, SHED_FROM, level)
  }

  /** State stores of this machine that cannot be opened or do not take decisions at the moment (C12). */
  get degradedStores(): number {
    return Atomics.load(this.#words, DEGRADED_STORES)
  }

  set degradedStores(stores: number) {
    Atomics.store(this.#words, DEGRADED_STORES, stores)
  }
}
