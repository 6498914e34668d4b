export interface BreakerOptions {
  /** Failures in a row after which the store is left alone. Default 5. */
  readonly failures?: number
  /** How long, ms; then one call tries. Default 1000. */
  readonly openMs?: number
  /** Monotonic milliseconds. Default `performance.now`. */
  readonly clock?: () => number
}

const DEFAULT_FAILURES = 5
const DEFAULT_OPEN_MS = 1000

/** Keeps calls away from a store that does not answer: fails at once instead of after a timeout, and lets one call at a time try (F-36). */
export class Breaker {
  readonly #failures: number
  readonly #openMs: number
  readonly #clock: () => number
  #failed = 0
  #openUntilMs = 0
  #probing = false

  constructor(options: BreakerOptions = {}) {
    this.#failures = options.failures ?? DEFAULT_FAILURES
    this.#openMs = options.openMs ?? DEFAULT_OPEN_MS
    this.#clock = options.clock ?? (() => performance.now())
  }

  get state(): 'closed' | 'open' | 'half-open' {
    if (this.#failed < this.#failures) return 'closed'
    return this.#clock() < this.#openUntilMs ? 'open' : 'half-open'
  }

  /** May a call be made? What is allowed has to report {@link succeeded} or {@link failed}. */
  allow(): boolean {
    const { state } = this
    if (state === 'closed') return true
    if (state === 'open' || this.#probing) return false
    this.#probing = true
    return true
  }

  succeeded(): void {
    this.#failed = 0
    this.#probing = false
  }

  failed(): void {
    this.#failed += 1
    this.#probing = false
    if (this.#failed >= this.#failures) this.#openUntilMs = this.#clock() + this.#openMs
  }
}
