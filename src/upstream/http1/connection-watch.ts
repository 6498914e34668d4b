import type { GatewayError } from '../../session/errors.js'
import type { Deadline, DeadlineWheel } from '../../time/index.js'
import type { Exchange } from './exchange.js'
import { bodyTimeout, connectTimeout, headersTimeout, requestTimeout } from './upstream-errors.js'

/**
 * What the deadline of a connection is watching: the handshake, the request on its way, the wait for the final head,
 * the response body (either direction, when the upstream answers while it reads), or an idle connection.
 */
export type Watched = 'connect' | 'request' | 'headers' | 'body' | 'idle'

/** The one deadline of a connection: its phases follow each other, so one entry in the wheel serves all of them. */
export class ConnectionWatch {
  watched: Watched = 'connect'
  /** The address of the upstream is known. Decides whom a connect timeout blames. */
  resolved = false
  readonly #wheel: DeadlineWheel
  readonly #deadline: Deadline

  constructor(wheel: DeadlineWheel, onExpired: () => void) {
    this.#wheel = wheel
    this.#deadline = wheel.create(onExpired)
  }

  /** Watches from now on for `delayMs`; 0 watches nothing, nor does it while paused. */
  arm(watched: Watched, delayMs: number, paused = false): void {
    this.watched = watched
    if (delayMs > 0 && !paused) this.#wheel.arm(this.#deadline, delayMs)
    else this.#wheel.clear(this.#deadline)
  }

  /**
   * No head has come yet: watches the request on its way, then the wait for its answer.
   * @param isCongested the socket still holds some of the request
   */
  beforeHead({ requestComplete, timeouts, paused }: Exchange, isCongested: boolean): void {
    if (requestComplete && !isCongested) this.arm('headers', timeouts.headersMs, paused)
    else this.arm('request', timeouts.idleMs)
  }

  onResolved(): void {
    this.resolved = true
  }

  /** Stops the clock and remembers the phase. */
  clear(): void {
    this.#wheel.clear(this.#deadline)
  }

  /** What an expiry means for the exchange; null when there is none to tell. */
  error(bytesAreWaiting: boolean): GatewayError | null {
    switch (this.watched) {
      case 'connect':
        return connectTimeout(this.resolved)
      case 'request':
        return requestTimeout(bytesAreWaiting)
      case 'headers':
        return headersTimeout()
      case 'body':
        return bodyTimeout()
      case 'idle':
        return null
    }
  }
}
