import { STATUS_CODES } from 'node:http'
import { type ErrorResponse, errorResponse } from '../session/error-response.js'
import { ALLOW, REFUSALS } from './guard/index.js'
import type { Refusal } from './types.js'

export interface RefusalAnswer extends ErrorResponse {
  readonly statusText: string
}

/** The answer to a refused request, without framing, Date, `Connection` and gateway fields. */
export function refusalAnswer(refusal: Refusal, requestId: string): RefusalAnswer {
  const extra = refusal === REFUSALS.methodForbidden ? ALLOW : ''
  const answer = errorResponse(refusal.status, refusal.reason, refusal.message, requestId, extra)
  return { ...answer, statusText: STATUS_CODES[refusal.status] ?? '' }
}
