import { isAnswerHead } from '../answer-rules.js'
import { insteadOfBadAnswer } from '../internal-error.js'
import type { AcceptorHandler, PromptReply, RequestHead } from '../types.js'
import { endWhole, KEEPS } from './answer-head.js'
import { HeadBytes } from './head-bytes.js'
import type { UwsResponse } from './native-types.js'

/** Answers of one call into the owner: one object for all requests, of which none needs an exchange, nor uWS's callbacks. */
export class PromptAnswer implements PromptReply {
  readonly #heads = new HeadBytes()
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
    const known = status === 200 && statusText === 'OK' ? this.#heads.of(headerBlock, this.#requestId) : null
    if (known !== null) {
      response.writeHeader('via', known)
      response.end(body)
      return
    }
    if (isAnswerHead(status, statusText, headerBlock)) {
      endWhole(response, { status, statusText, headerBlock }, body, this.#requestId, KEEPS)
      return
    }
    const { body: text, ...instead } = insteadOfBadAnswer(this.#requestId)
    endWhole(response, { ...instead, statusText: 'Internal Server Error' }, text, this.#requestId, KEEPS)
  }
}
