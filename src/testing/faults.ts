import type { GatewayError } from '../session/errors.js'
import { closedEarly, connectError } from '../upstream/http1/upstream-errors.js'

/** For a test's upstream to throw: the peer takes no connection. Nothing was sent, so every request may be tried elsewhere. */
export function connectionRefused(): GatewayError {
  const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' })
  return connectError(cause, false)
}

/** For a test's upstream to throw: it closes the connection without an answer. Only idempotent requests are tried again. */
export function connectionClosed(): GatewayError {
  return closedEarly('waiting')
}
