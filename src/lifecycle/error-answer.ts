import { STATUS_CODES } from 'node:http'
import { errorResponse } from '../session/error-response.js'
import type { GatewayError } from '../session/errors.js'
import { Headers } from '../session/headers.js'
import { ResponseHeader } from '../session/message-headers.js'
import { publicMessage } from '../session/public-message.js'
import type { OwnAnswer } from './own-answer.js'
import type { LifecycleEnv } from './route.js'

/** The error document of a session that has failed. */
export function errorAnswer(error: GatewayError, requestId: string, env: LifecycleEnv): OwnAnswer {
  const extra = error.status === 503 ? `retry-after: ${error.retryAfterS}\r\n` : ''
  const made = errorResponse(error.status, error.reason, publicMessage(error), requestId, extra, env)
  const headers = new Headers(made.headerBlock)
  const head = new ResponseHeader(made.status, STATUS_CODES[made.status] ?? '', headers)
  return { head, body: made.body }
}
