/** How long the rest takes, from how long the finished measurements took. */
export class Remaining {
  readonly #startMs: number
  readonly #expectedMs: number
  #done = 0
  #doneAtMs: number

  /** @param expectedMs of one measurement, until the first is finished. */
  constructor(expectedMs: number, nowMs: number) {
    this.#expectedMs = expectedMs
    this.#startMs = nowMs
    this.#doneAtMs = nowMs
  }

  /** @returns milliseconds, at least 0. */
  estimateMs(done: number, total: number, nowMs: number): number {
    if (done > this.#done) {
      this.#done = done
      this.#doneAtMs = nowMs
    }
    const eachMs = this.#done === 0 ? this.#expectedMs : (this.#doneAtMs - this.#startMs) / this.#done
    return Math.max(0, eachMs * (total - done) - (nowMs - this.#doneAtMs))
  }
}

/** `2 min 10 s`, `45 s`. */
export function shortDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}
