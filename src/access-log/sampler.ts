/**
 * Which sessions have a line: all that went wrong (a status from 400 on, none, or an error behind it) and all slow ones, and of the others every so-manieth.
 * Counted, not drawn: the lines of a quiet minute do not depend on luck.
 */
export class Sampler {
  readonly #sample: number
  readonly #slowMs: number
  #passed = 0

  constructor(sample: number, slowMs: number) {
    this.#sample = sample
    this.#slowMs = slowMs
  }

  /** @returns for how many sessions the line stands; 0: it has none */
  take(status: number, hasError: boolean, totalMs: number): number {
    if (this.#sample === 1 || hasError || status >= 400 || status < 100) return 1
    if (this.#slowMs > 0 && totalMs >= this.#slowMs) return 1
    this.#passed += 1
    if (this.#passed < this.#sample) return 0
    this.#passed = 0
    return this.#sample
  }
}
