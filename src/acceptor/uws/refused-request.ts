import type { DeadlineWheel } from '../../time/index.js'
import { REFUSALS } from '../guard/index.js'
import { refusalAnswer } from '../refusal-answer.js'
import type { Refusal } from '../types.js'
import { CLOSES, endWhole, endWithoutBody, UWS_CLOSES, writeAnswerHead } from './answer-head.js'
import { SizedWriter } from './body-writer.js'
import { LINGER_MS, LingeringClose } from './lingering-close.js'
import type { UwsResponse } from './native-types.js'

export interface RefusalContext {
  readonly requestId: string
  readonly isHead: boolean
  /** As {@link UWS_CLOSES}. */
  readonly uwsCloses: boolean
}

/**
 * Writes the answer to a refused request. Never from inside uWS's parser: it would go on with what it takes for the next
 * request in the bytes it holds, although nobody knows where this one ends (U1, U3). With an answer pending it closes instead.
 *
 * @param lingers the framing of the request is sound, and its body still coming
 * @returns whether the connection is left to be closed; else uWS does
 */
export function writeRefusal(
  response: UwsResponse,
  refusal: Refusal,
  context: RefusalContext,
  lingers: boolean,
): boolean {
  const { requestId, isHead, uwsCloses } = context
  const answer = refusalAnswer(refusal, requestId)
  const ending = uwsCloses ? UWS_CLOSES : CLOSES
  response.cork(() => {
    if (isHead) {
      endWithoutBody(response, answer, answer.body.length, requestId, ending)
    } else if (lingers) {
      writeAnswerHead(response, answer, requestId, true)
      new SizedWriter(response, answer.body.length, true).write(answer.body)
    } else {
      endWhole(response, answer, answer.body, requestId, ending)
    }
  })
  return lingers && !isHead
}

/** A request that never became an exchange: answered one loop turn later, and its connection closed. */
export class RefusedRequest {
  #response: UwsResponse | null
  #isBodyComing: boolean
  #linger: LingeringClose | null = null

  constructor(response: UwsResponse, wheel: DeadlineWheel, refusal: Refusal, context: RefusalContext) {
    this.#response = response
    this.#isBodyComing = refusal === REFUSALS.bodyBytes
    if (this.#isBodyComing) response.onData((_, isLast) => this.#onData(isLast))
    setImmediate(() => {
      if (this.#response === null) return
      if (writeRefusal(response, refusal, context, this.#isBodyComing)) {
        this.#linger = new LingeringClose(wheel, response, LINGER_MS)
      }
    })
  }

  onAborted(): void {
    this.#response = null
    this.#linger?.cancel()
  }

  #onData(isLast: boolean): void {
    if (!isLast) return
    this.#isBodyComing = false
    this.#linger?.closeNow()
  }
}
