import type { Downstream } from '../acceptor/types.js'
import { LENGTH_CHUNKED } from '../acceptor/types.js'
import type { RouteConfig } from '../config/types.js'
import { editHeaderBlock, type HeaderEdits } from '../filters/index.js'
import type { CounterRow } from '../memory/index.js'
import type { RouteAnswer, RouteAnswerer } from '../routing/index.js'
import { type GatewayCounter, statusCounter } from '../session/counters.js'
import { errorResponse } from '../session/error-response.js'
import type { GatewayError } from '../session/errors.js'
import type { AnswerCounts } from '../telemetry/index.js'
import { type EndedHere, OwnSession, ownSessionOf } from './own-session.js'
import { routeAnswers } from './route-answers.js'

export interface OwnAnswersOptions {
  readonly routes: readonly RouteConfig[]
  /** As in `DispatcherOptions`. */
  readonly responseEdits: readonly (readonly HeaderEdits[])[]
  readonly counters: CounterRow<GatewayCounter>
  readonly answers?: AnswerCounts
  onEndedHere?(end: EndedHere): void
}

/** Answers that need no worker: errors, and what a route itself says. */
export class OwnAnswers {
  /** Answers that are not all with the socket yet. */
  pending = 0
  readonly #options: OwnAnswersOptions
  readonly #answerers: readonly (RouteAnswerer | null)[]

  constructor(options: OwnAnswersOptions) {
    this.#options = options
    this.#answerers = routeAnswers(options.routes)
  }

  /** @param route -1: none was found */
  error(exchange: Downstream, route: number, error: GatewayError): void {
    const extra = error.status === 503 ? 'retry-after: 1\r\n' : ''
    const made = errorResponse(error.status, error.reason, error.message, exchange.head.requestId, extra)
    this.#options.counters.add(`error:${error.reason}`)
    this.#send(exchange, route, { ...made, statusText: '' }, error)
  }

  /** What the route itself says. @param target in normal form. @returns false where a worker is needed */
  serve(exchange: Downstream, route: number, target: string): boolean {
    const answerer = this.#answerers[route] ?? null
    if (answerer === null) return false
    const answer = answerer.answer({ host: exchange.head.host, target })
    this.#send(exchange, route, answer, null)
    return true
  }

  /** The exchange has ended. @returns false when it is not one of these */
  end(exchange: Downstream, isSent: boolean): boolean {
    const own = ownSessionOf(exchange)
    if (own === null) return false
    exchange.owner = null
    this.pending -= 1
    const { counters } = this.#options
    counters.add(isSent ? 'answered' : 'aborted')
    if (isSent) counters.add('bytes_out', exchange.bytesOut)
    const { route, status, error } = own
    this.#options.onEndedHere?.({
      head: exchange.head,
      route,
      status,
      error,
      bytesOut: exchange.bytesOut,
      isSent,
    })
    return true
  }

  #send(
    exchange: Downstream,
    route: number,
    { status, statusText, headerBlock, body }: RouteAnswer,
    error: GatewayError | null,
  ): void {
    const { counters, responseEdits } = this.#options
    let block = headerBlock
    for (const edits of responseEdits[route] ?? []) block = editHeaderBlock(block, edits)
    counters.add(statusCounter(status))
    this.#options.answers?.add(route, exchange.head.method, status)
    exchange.owner = new OwnSession(route, status, error)
    this.pending += 1
    const respond = (): void => exchange.respond(status, statusText, block, body, body.length)
    // Never in the same turn as a chunked request: what follows its body must not be taken for another request (U3).
    if (exchange.head.contentLength === LENGTH_CHUNKED) setImmediate(respond)
    else respond()
  }
}
