import type { Counter, CounterRow } from '../memory/index.js'
import { type GatewayCounter, statusCounter } from '../session/counters.js'

const CLASSES = [100, 200, 300, 400, 500] as const

/** What the acceptor's thread counts of every session. */
export class SessionCounts {
  readonly requests: Counter
  readonly bytesIn: Counter
  readonly #answered: Counter
  readonly #aborted: Counter
  readonly #bytesOut: Counter
  readonly #classes: readonly Counter[]
  readonly #other: Counter

  constructor(row: CounterRow<GatewayCounter>) {
    this.requests = row.counter('requests')
    this.bytesIn = row.counter('bytes_in')
    this.#answered = row.counter('answered')
    this.#aborted = row.counter('aborted')
    this.#bytesOut = row.counter('bytes_out')
    this.#classes = CLASSES.map((first) => row.counter(statusCounter(first)))
    this.#other = row.counter(statusCounter(600))
  }

  /** The client gets, or begins to get, an answer. */
  status(status: number): void {
    const counter = this.#classes[Math.floor(status / 100) - 1] ?? this.#other
    counter.add()
  }

  /** It has it. @param bytes of body */
  answered(bytes: number): void {
    this.#answered.add()
    if (bytes > 0) this.#bytesOut.add(bytes)
  }

  /** It never gets it, or not all of it. */
  aborted(): void {
    this.#aborted.add()
  }
}
