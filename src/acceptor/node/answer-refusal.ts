import type { ServerResponse } from 'node:http'
import { gatewayFields } from '../gateway-fields.js'
import { headerLines } from '../header-lines.js'
import { refusalAnswer } from '../refusal-answer.js'
import type { Refusal } from '../types.js'

/** Answers a request that is refused, in its turn among those of its connection, which ends with it. */
export function answerRefusal(response: ServerResponse, refusal: Refusal, requestId: string): void {
  const { status, statusText, headerBlock, body } = refusalAnswer(refusal, requestId)
  const lines = headerLines(headerBlock + gatewayFields(requestId))
  lines.push('content-length', String(body.length))
  response.shouldKeepAlive = false
  response.on('error', () => undefined)
  response.writeHead(status, statusText, lines)
  response.end(body)
}
