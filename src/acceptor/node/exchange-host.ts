import type { DeadlineWheel } from '../../time/index.js'
import type { AcceptorHandler, AcceptorOptions } from '../types.js'

/** What an exchange needs of the acceptor that it belongs to. */
export interface NodeExchangeHost {
  readonly handler: AcceptorHandler
  readonly options: AcceptorOptions
  readonly wheel: DeadlineWheel
  /** After `stopListening`: every answer closes its connection. */
  readonly draining: boolean
}
