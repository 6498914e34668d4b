import { isAnswerHead } from '../answer-rules.js'
import { insteadOfBadAnswer } from '../internal-error.js'
import type { AcceptorHandler, PromptReply, RequestHead } from '../types.js'
import { endWhole, KEEPS } from './answer-head.js'
import type { UwsResponse } from './native-types.js'

/** Answers of one call into the owner: one object for all requests, of which none needs an exchange, nor uWS's callbacks. */
export class PromptAnswer implements PromptReply {
  #response: UwsResponse | null = null
  #requestId = ''

  /** @returns whether the request is answered */
  by(handler: AcceptorHandler, response: UwsResponse, head: RequestHead): boolean {
    if (handler.answerAtOnce === undefined) return false
    this.#response = response
    this.#requestId = head.requestId
    return handler.answerAtOnce(head, this)
  }

  respond(status: number, statusText: string, headerBlock: string, body: Uint8Array): void {
    const response = this.#response
    if (response === null) return
    this.#response = null
    const head = { status, statusText, headerBlock }
    if (isAnswerHead(status, statusText, headerBlock)) endWhole(response, head, body, this.#requestId, KEEPS)
    else {
      const instead = insteadOfBadAnswer(this.#requestId)
      endWhole(
        response,
        { ...instead, statusText: 'Internal Server Error' },
        instead.body,
        this.#requestId,
        KEEPS,
      )
    }
  }
}
