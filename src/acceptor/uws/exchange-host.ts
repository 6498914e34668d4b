import type { DeadlineWheel } from '../../time/index.js'
import type { AcceptorHandler, AcceptorOptions, Downstream } from '../types.js'

export interface UwsExchangeOptions {
  /** The connection ends with this exchange. */
  readonly closes: boolean
  /** As `UWS_CLOSES` of answer-head.ts. */
  readonly uwsCloses: boolean
}

/** What an exchange needs of the acceptor that it belongs to. */
export interface UwsExchangeHost {
  readonly handler: AcceptorHandler
  readonly options: AcceptorOptions
  readonly wheel: DeadlineWheel
  /** After `stopListening`: every answer closes its connection. */
  readonly draining: boolean
  /** The exchange of which uWS is handing something over right now: its socket is corked. */
  current: Downstream | null
}

/**
 * How often uWS's own timer is set back while the acceptor waits under a deadline of its own: uWS counts in steps of 4 s and
 * closes without an answer, also uploads that are merely slow (U13).
 */
export const PULSE_MS = 2000
