const FIRST_MS = 100
const LONGEST_MS = 10_000
/** A worker that lived this long starts with a clean record. */
const HEALTHY_MS = 10_000

/** How long to wait before a lost worker is started again: at once the first time, then 100 ms doubling up to 10 s. */
export class Backoff {
  readonly #now: () => number
  #failures = 0
  /** Null: it did not come up since it was lost last. */
  #startedAtMs: number | null = null

  /** @param now milliseconds of a monotonic clock */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** The worker is up. */
  started(): void {
    this.#startedAtMs = this.#now()
  }

  /** The worker is lost. @returns milliseconds until the next start */
  nextDelayMs(): number {
    if (this.#startedAtMs !== null && this.#now() - this.#startedAtMs > HEALTHY_MS) this.#failures = 0
    this.#startedAtMs = null
    this.#failures += 1
    if (this.#failures === 1) return 0
    return Math.min(LONGEST_MS, FIRST_MS * 2 ** (this.#failures - 2))
  }
}
