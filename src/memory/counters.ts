/**
 * Counters that one thread writes and any thread reads: a row of doubles in shared memory for each writer.
 * Doubles are exact to 2^53 and an aligned 8-byte store is never seen torn on the machines that Node runs on.
 */
export class SharedCounters<Name extends string> {
  readonly buffer: SharedArrayBuffer
  readonly #names: readonly Name[]
  readonly #rows: number
  readonly #values: Float64Array

  /** @param rows number of writers. @param buffer a buffer made by an instance of the same shape in another thread. */
  constructor(names: readonly Name[], rows: number, buffer?: SharedArrayBuffer) {
    this.#names = names
    this.#rows = rows
    this.buffer = buffer ?? new SharedArrayBuffer(names.length * rows * 8)
    this.#values = new Float64Array(this.buffer)
  }

  /** The writer's end of one row. Only one thread may hold it. */
  row(index: number): CounterRow<Name> {
    const values = this.#values.subarray(index * this.#names.length, (index + 1) * this.#names.length)
    const indexes = new Map(this.#names.map((name, i) => [name, i] as const))
    return {
      add(name, amount = 1) {
        const at = indexes.get(name) ?? 0
        values[at] = (values[at] ?? 0) + amount
      },
      counter: (name) => new Counter(values, indexes.get(name) ?? 0),
    }
  }

  /** Sum over all writers. */
  total(name: Name): number {
    const at = this.#names.indexOf(name)
    let sum = 0
    for (let row = 0; row < this.#rows; row += 1) sum += this.#values[row * this.#names.length + at] ?? 0
    return sum
  }

  /** All sums. */
  totals(): Record<Name, number> {
    const totals = this.#names.map((name, at) => {
      let sum = 0
      for (let row = 0; row < this.#rows; row += 1) sum += this.#values[row * this.#names.length + at] ?? 0
      return [name, sum] as const
    })
    return Object.fromEntries(totals) as Record<Name, number>
  }
}

export interface CounterRow<Name extends string> {
  /** Adds `amount` (default 1). */
  add(name: Name, amount?: number): void
  /** One of them, for where it is counted with every request: nothing is looked up. */
  counter(name: Name): Counter
}

/** The writer's end of one counter. */
export class Counter {
  readonly #values: Float64Array
  readonly #at: number

  constructor(values: Float64Array, at: number) {
    this.#values = values
    this.#at = at
  }

  /** Adds `amount` (default 1). */
  add(amount = 1): void {
    this.#values[this.#at] = (this.#values[this.#at] ?? 0) + amount
  }
}
