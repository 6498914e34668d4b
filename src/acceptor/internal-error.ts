import { type ErrorResponse, errorResponse } from '../session/error-response.js'

/** Makes a failure of the gateway's own code visible where nobody can be given it. The process goes on. */
export function warnInternal(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.emitWarning(text, { type: 'HeadgateWarning', code: 'HG_INTERNAL' })
}

/** What a client gets instead of an answer that must not go on the wire, because its owner gave one that is off the grammar. */
export function insteadOfBadAnswer(requestId: string): ErrorResponse {
  warnInternal(`the answer to ${requestId} is malformed and was replaced by a 500`)
  return errorResponse(500, 'proxy_internal_error', 'The answer could not be sent.', requestId)
}

/** Calls the gateway's own code from where nothing may be thrown: in a callback of a server it would end the process. */
export function attempt(call: () => void, onFailure?: () => void): void {
  try {
    call()
  } catch (error) {
    warnInternal(error)
    onFailure?.()
  }
}
