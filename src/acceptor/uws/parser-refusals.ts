import { REFUSALS } from '../guard/index.js'
import type { Refusal } from '../types.js'

/**
 * What uWS' filter is told instead of -1 of a connection that its parser refuses, where the code is mended (see `mendCode`), by the parser's
 * own numbers of what is wrong: 0 nothing is said, 1 505, 2 431, 3 400.
 */
export const REFUSED_CHANGES: readonly number[] = [-125, -126, -127, -128]
const REFUSED_FOR: readonly Refusal[] = [
  REFUSALS.malformed,
  REFUSALS.version,
  REFUSALS.fieldBytes,
  REFUSALS.malformed,
]

/**
 * Requests that uWS' own parser refuses: it answers and closes by itself, and all that is seen of them is the end of their connection. Whatever
 * request was under way on it has an end of its own, so that one is not counted twice: its abort follows at once.
 */
export class ParserRefusals {
  readonly #report: (refusal: Refusal) => void
  #latest: Refusal | null = null

  /** @param report told of each, in the same turn of the loop. It must not throw */
  constructor(report: (refusal: Refusal) => void) {
    this.#report = report
  }

  /** A connection has gone. @param change of their number, as uWS tells it */
  onClosed(change: number): void {
    this.#settle()
    const refusal = REFUSED_FOR[REFUSED_CHANGES.indexOf(change)]
    if (refusal === undefined) return
    this.#latest = refusal
    setImmediate(() => this.#settle())
  }

  /** The request that was under way on the connection that has gone last has been told so. */
  onAborted(): void {
    this.#latest = null
  }

  #settle(): void {
    const refusal = this.#latest
    this.#latest = null
    if (refusal !== null) this.#report(refusal)
  }
}
