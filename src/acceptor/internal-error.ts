import { type ErrorResponse, errorResponse } from '../session/error-response.js'

/** What a client gets instead of an answer that must not go on the wire. */
export function internalErrorAnswer(requestId: string): ErrorResponse {
  return errorResponse(500, 'proxy_internal_error', 'The answer could not be sent.', requestId)
}

/** Makes a failure of the gateway's own code visible where nobody can be given it. The process goes on. */
export function warnInternal(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.emitWarning(text, { type: 'HeadgateWarning', code: 'HG_INTERNAL' })
}

/** The owner gave an answer that is off the grammar. */
export function warnBadAnswer(requestId: string): void {
  warnInternal(`the answer to ${requestId} is malformed and was replaced by a 500`)
}
