import { refusalAnswer } from '../refusal-answer.js'
import type { Refusal } from '../types.js'
import { writeAnswerHead } from './answer-head.js'
import type { UwsResponse } from './native-types.js'

export interface RefusedRequest {
  readonly requestId: string
  readonly isHead: boolean
  /** As in the exchange: uWS closes by itself, and does not announce it. */
  readonly uwsCloses: boolean
  /** False after uWS's abort callback: the response object must not be touched. */
  readonly isAlive: () => boolean
}

/**
 * Answers a refused request one loop turn later, and closes. Never at once: uWS would go on with what it takes for the next
 * request in the bytes it holds, although nobody knows where this one ends (U1, U3); with an answer pending it closes the
 * connection instead.
 */
export function answerRefusal(response: UwsResponse, refusal: Refusal, request: RefusedRequest): void {
  const { requestId, isHead, uwsCloses, isAlive } = request
  setImmediate(() => {
    if (!isAlive()) return
    response.cork(() => {
      const answer = refusalAnswer(refusal, requestId)
      writeAnswerHead(response, answer, requestId, uwsCloses)
      if (isHead) response.endWithoutBody(answer.body.length, true)
      else response.end(answer.body, true)
    })
  })
}
