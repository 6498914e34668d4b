import type { Downstream } from '../acceptor/types.js'
import { LENGTH_CHUNKED } from '../acceptor/types.js'
import type { RouteConfig } from '../config/types.js'
import { editHeaderBlock, type HeaderEdits } from '../filters/index.js'
import type { CounterRow } from '../memory/index.js'
import type { RouteAnswer, RouteAnswerer } from '../routing/index.js'
import { type GatewayCounter, statusCounter } from '../session/counters.js'
import { errorResponse } from '../session/error-response.js'
import type { GatewayError } from '../session/errors.js'
import { routeAnswers } from './route-answers.js'

export interface OwnAnswersOptions {
  readonly routes: readonly RouteConfig[]
  /** As in `DispatcherOptions`. */
  readonly responseEdits: readonly (readonly HeaderEdits[])[]
  readonly counters: CounterRow<GatewayCounter>
  /** As in `DispatcherOptions`. */
  readonly commonFields?: string
  onServedHere?(exchange: Downstream, route: number, status: number): void
}

/** Answers that need no worker: errors, and what a route itself says. */
export class OwnAnswers {
  readonly commonFields: string
  readonly #options: OwnAnswersOptions
  readonly #answerers: readonly (RouteAnswerer | null)[]

  constructor(options: OwnAnswersOptions) {
    this.#options = options
    this.commonFields = options.commonFields ?? ''
    this.#answerers = routeAnswers(options.routes)
  }

  /** @param route -1: none was found */
  error(exchange: Downstream, route: number, error: GatewayError): void {
    const extra = error.status === 503 ? 'retry-after: 1\r\n' : ''
    const made = errorResponse(error.status, error.reason, error.message, exchange.head.requestId, extra)
    this.#options.counters.add(`error:${error.reason}`)
    this.#send(exchange, route, { ...made, statusText: '' })
  }

  /** What the route itself says. @param target in normal form. @returns false where a worker is needed */
  serve(exchange: Downstream, route: number, target: string): boolean {
    const answerer = this.#answerers[route] ?? null
    if (answerer === null) return false
    const answer = answerer.answer({ host: exchange.head.host, target })
    this.#options.onServedHere?.(exchange, route, answer.status)
    this.#send(exchange, route, answer)
    return true
  }

  #send(exchange: Downstream, route: number, { status, statusText, headerBlock, body }: RouteAnswer): void {
    const { counters, responseEdits } = this.#options
    let block = headerBlock + this.commonFields
    for (const edits of responseEdits[route] ?? []) block = editHeaderBlock(block, edits)
    counters.add('answered')
    counters.add(statusCounter(status))
    const respond = (): void => exchange.respond(status, statusText, block, body, body.length)
    // Never in the same turn as a chunked request: what follows its body must not be taken for another request (U3).
    if (exchange.head.contentLength === LENGTH_CHUNKED) setImmediate(respond)
    else respond()
  }
}
