import type { Deadline, DeadlineWheel } from '../../time/index.js'
import type { UwsResponse } from './native-types.js'

/** Bound on how long the rest of a request body is read and thrown away behind an early answer. */
export const LINGER_MS = 2000

/**
 * Closes a connection whose answer is complete, but open in the eyes of uWS: a further request on it makes uWS close it. The
 * client was told that it ends, so mostly the client is first.
 *
 * Closing at once, with bytes of the client unread, would send a reset, and the client might lose the answer over it.
 */
export class LingeringClose {
  readonly #wheel: DeadlineWheel
  readonly #deadline: Deadline
  #response: UwsResponse | null

  constructor(wheel: DeadlineWheel, response: UwsResponse, delayMs: number) {
    this.#wheel = wheel
    this.#response = response
    this.#deadline = wheel.create(() => this.closeNow())
    wheel.arm(this.#deadline, delayMs)
  }

  closeNow(): void {
    const response = this.#response
    this.cancel()
    response?.close()
  }

  /** The connection is gone. */
  cancel(): void {
    this.#response = null
    this.#wheel.clear(this.#deadline)
  }
}
