/**
 * The places that workers have in what all threads share: the board, counters, histograms, the columns of the peer table. There are twice as many as
 * workers, so that a second set can come up while the first still works, and each place has one writer at a time.
 */
export class Seats {
  readonly count: number
  readonly #free: number[]
  #waiting: { readonly wanted: number; readonly give: (seats: number[]) => void } | null = null

  /** @param workers as configured at the start */
  constructor(workers: number) {
    this.count = workers * 2
    this.#free = Array.from({ length: this.count }, (_, seat) => seat)
  }

  /** The lowest free ones, or null when there are not that many. */
  take(wanted: number): number[] | null {
    return this.#free.length < wanted ? null : this.#free.splice(0, wanted)
  }

  /** The same, as soon as there are. One may wait at a time: reloads come one after the other. */
  whenFree(wanted: number): Promise<number[]> {
    const seats = this.take(wanted)
    if (seats !== null) return Promise.resolve(seats)
    return new Promise((give) => {
      this.#waiting = { wanted, give }
    })
  }

  giveBack(seats: readonly number[]): void {
    this.#free.push(...seats)
    this.#free.sort((a, b) => a - b)
    const waiting = this.#waiting
    const found = waiting === null ? null : this.take(waiting.wanted)
    if (found === null) return
    this.#waiting = null
    waiting?.give(found)
  }
}
