import type { Downstream } from '../acceptor/types.js'
import { LENGTH_CHUNKED } from '../acceptor/types.js'
import type { RouteConfig } from '../config/types.js'
import { editHeaderBlock, type HeaderEdits } from '../filters/index.js'
import { ownTimingLine, requestRefused } from '../lifecycle/index.js'
import type { CounterRow } from '../memory/index.js'
import type { RouteAnswer, RouteAnswerer } from '../routing/index.js'
import type { GatewayCounter } from '../session/counters.js'
import { errorResponse } from '../session/error-response.js'
import type { GatewayError } from '../session/errors.js'
import { type AnswerCounts, CLIENT_LEFT } from '../telemetry/index.js'
import { now } from '../time/index.js'
import { type EndedHere, OwnSession, type UnderWay } from './own-session.js'
import { routeAnswers } from './route-answers.js'
import type { SessionCounts } from './session-counts.js'

export interface OwnAnswersOptions {
  readonly routes: readonly RouteConfig[]
  /** As in `DispatcherOptions`. */
  readonly responseEdits: readonly (readonly HeaderEdits[])[]
  readonly counters: CounterRow<GatewayCounter>
  readonly counts: SessionCounts
  readonly answers?: AnswerCounts
  onEndedHere?(end: EndedHere): void
  /** As in `DispatcherOptions`. */
  readonly commonFields?: string
  /** As in `DispatcherOptions`. */
  readonly serverTiming?: boolean
  /** As in `DispatcherOptions`. */
  readonly proxyStatus?: boolean
  readonly underWay: UnderWay
}

/** What one configuration has to say of answers, and its answers that need no worker: errors, and what a route itself says. */
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
    const made = errorResponse(
      error.status,
      error.reason,
      error.message,
      exchange.head.requestId,
      extra,
      this.#options,
    )
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

  /** The exchange of one of these has ended. */
  end(exchange: Downstream, { route, status, error }: OwnSession, isSent: boolean): void {
    const { counts, underWay, onEndedHere } = this.#options
    const { head, bytesOut } = exchange
    exchange.owner = null
    underWay.answers -= 1
    if (isSent) counts.answered(bytesOut)
    else counts.aborted()
    onEndedHere?.({ head, route, status, error, bytesOut, isSent })
  }

  /** A worker answers, or the client has left before one did. */
  count(exchange: Downstream, route: number, status: number): void {
    this.#options.answers?.add(route, exchange.head.method, status)
  }

  /** The client has seen a part of an answer that nobody can complete any more. */
  cutOff(exchange: Downstream, route: number, status: number, error: GatewayError): void {
    const { counters, counts, onEndedHere } = this.#options
    counts.aborted()
    counters.add(`error:${error.reason}`)
    exchange.abort()
    const { head, bytesOut } = exchange
    onEndedHere?.({ head, route, status, error, bytesOut, isSent: false })
  }

  /**
   * The client has left while it waited for a worker.
   * @param status it has not left, but the acceptor has refused the rest of its request with this
   */
  left(exchange: Downstream, route: number, status = 0): void {
    const { counters, counts, onEndedHere } = this.#options
    const { head } = exchange
    const error = status > 0 ? requestRefused(status) : null
    if (error !== null) {
      counts.status(status)
      counts.answered(0)
      counters.add(`error:${error.reason}`)
    } else counts.aborted()
    this.count(exchange, route, error === null ? CLIENT_LEFT : status)
    onEndedHere?.({ head, route, status, error, bytesOut: 0, isSent: error !== null })
  }

  #send(
    exchange: Downstream,
    route: number,
    { status, statusText, headerBlock, body }: RouteAnswer,
    error: GatewayError | null,
  ): void {
    const { counts, responseEdits } = this.#options
    let block = headerBlock + this.commonFields
    for (const edits of responseEdits[route] ?? []) block = editHeaderBlock(block, edits)
    if (this.#options.serverTiming === true) block += ownTimingLine(exchange.head.startMs, now(), '')
    counts.status(status)
    this.#options.answers?.add(route, exchange.head.method, status)
    exchange.owner = new OwnSession(route, status, error, this)
    this.#options.underWay.answers += 1
    const respond = (): void => exchange.respond(status, statusText, block, body, body.length)
    // Never in the same turn as a chunked request: what follows its body must not be taken for another request (U3).
    if (exchange.head.contentLength === LENGTH_CHUNKED) setImmediate(respond)
    else respond()
  }
}
