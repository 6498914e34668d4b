/**
 * Holds back what an owner does while uWS's parser runs, for one loop turn. A connection that must not outlive its answer must
 * not be answered from inside the parser: it would take the bytes behind the request for another one and execute it (U1, U3).
 */
export class DeferredCalls {
  #calls: (() => void)[] | null = null

  /** Calls are held back now. */
  get isHolding(): boolean {
    return this.#calls !== null
  }

  /** From now to the next loop turn calls are held back. */
  hold(): void {
    if (this.#calls !== null) return
    this.#calls = []
    setImmediate(() => this.#release())
  }

  /** While holding: does it later. */
  add(call: () => void): void {
    this.#calls?.push(call)
  }

  /** What is held back is not done at all. */
  drop(): void {
    this.#calls = null
  }

  #release(): void {
    const calls = this.#calls ?? []
    this.#calls = null
    for (const call of calls) call()
  }
}
