import type { GatewayError } from '../session/errors.js'
import { Headers } from '../session/headers.js'
import { ResponseHeader } from '../session/message-headers.js'
import type { ResponseHead } from '../upstream/http1/index.js'
import type { ClientPort } from './client-port.js'
import { errorAnswer } from './error-answer.js'
import type { Filter } from './filter.js'
import type { PlacedFilter } from './filter-chain.js'
import { finalHead } from './final-head.js'
import type { OwnAnswer } from './own-answer.js'
import { asGatewayError, type BodyTransform, type PhaseOwner, type PhaseRunner } from './phase-runner.js'
import {
  downTransform,
  filterTrailers,
  passWhole,
  responseTransform,
  upTransform,
} from './response-body-filters.js'
import { ResponsePipe } from './response-pipe.js'
import type { ResponsePipeOwner, ResponseSource } from './response-pipe-types.js'
import { responseTooLarge } from './session-errors.js'

const EMPTY = new Uint8Array(0)
/** Statuses whose answers have no content (RFC 9110 §6.4.1, §15.3.6). */
const hasNoContent = (status: number): boolean => status === 204 || status === 205 || status === 304
const NO_SOURCE: ResponseSource = { pause() {}, resume() {} }

export interface ResponseStageOwner {
  fail(error: GatewayError): void
  /** The last byte was handed over; the acceptor will say when it was sent. */
  onResponseHandedOver(): void
}

/** Phases 6 to 8 of a session: what the upstream, a filter or the gateway itself answers, on its way to the client. */
export class ResponseStage implements ResponsePipeOwner {
  readonly #phases: PhaseRunner
  readonly #port: ClientPort
  readonly #owner: ResponseStageOwner
  /** The client's request was HEAD, whatever the filters have made of it. */
  readonly #isHead: boolean
  #pipe: ResponsePipe | null = null
  #status = 0

  constructor(phases: PhaseRunner, port: ClientPort, owner: ResponseStageOwner, clientMethod: string) {
    this.#phases = phases
    this.#port = port
    this.#owner = owner
    this.#isHead = clientMethod === 'HEAD'
  }

  /** Status that went to the client, 0 if none did. */
  get status(): number {
    return this.headSent ? this.#status : 0
  }

  /** The client may have seen something of an answer. */
  get headSent(): boolean {
    return this.#pipe?.headSent ?? false
  }

  get bytesOut(): number {
    return this.#pipe?.bytesOut ?? 0
  }

  /** A response head from the upstream: filters, then the client. @param source what holds the response back */
  begin(head: ResponseHead, source: ResponseSource): void {
    const response = this.#take(head)
    const { chain, route } = this.#phases
    // Nobody looks at it on its way.
    if (
      chain.upstreamResponseFilter.length + chain.responseFilter.length === 0 &&
      !route.bufferResponseBody
    ) {
      this.#open(head, response, this.#replacePipe(source, 0), false)
      return
    }
    const deliver = this.#prepare(head, source, false)
    this.#filterUpstream(response, () => deliver(response))
  }

  filterTrailers(block: string): string {
    return filterTrailers(this.#phases, block)
  }

  onTooLarge(): void {
    this.#owner.fail(responseTooLarge())
  }

  onError(error: unknown): void {
    this.#owner.fail(asGatewayError(error))
  }

  onSent(): void {
    this.#owner.onResponseHandedOver()
  }

  /** Phase 6 alone, of an answer that the cache looks at before it goes on. */
  filterUpstream(head: ResponseHead, next: (response: ResponseHeader) => void): void {
    const response = this.#take(head)
    this.#filterUpstream(response, () => next(response))
  }

  /**
   * Phase 7 on of an answer that is behind phase 6: one from the cache, or one that {@link filterUpstream} has had.
   * @param isStored the upstream's body filters have seen its body
   */
  deliver(head: ResponseHead, response: ResponseHeader, source: ResponseSource, isStored: boolean): void {
    this.#phases.session.downstreamResponse = response
    this.#prepare(head, source, isStored)(response)
  }

  /** A pipe that takes the body at once. @returns what sends the head through `responseFilter` and opens it */
  #prepare(
    head: ResponseHead,
    source: ResponseSource,
    isStored: boolean,
  ): (response: ResponseHeader) => void {
    const { route, env } = this.#phases
    const collects = route.bufferResponseBody && !this.#isBodiless(head.status)
    const pipe = this.#replacePipe(source, collects ? env.bufferedBodyBytes : 0)
    return (response) => {
      if (!collects) this.#filterResponse(() => this.#open(head, response, pipe, isStored))
      else if (head.contentLength !== null && head.contentLength > env.bufferedBodyBytes) {
        this.#owner.fail(responseTooLarge())
      } else pipe.whenCollected((body) => this.#filterCollected(pipe, response, body, isStored))
    }
  }

  /**
   * A 101 from the upstream: filters see its head, then the client gets it, unless they have made another answer of it. From then on
   * `chunk` and `end` are bytes of the tunnel, which no body filter sees.
   */
  beginUpgrade(head: ResponseHead, source: ResponseSource, decided: (isOpen: boolean) => void): void {
    const response = this.#take(head)
    const pipe = this.#replacePipe(source, 0)
    this.#filterUpstream(response, () =>
      this.#filterResponse(() => {
        const final = finalHead(this.#phases, this.#phases.session.downstreamResponse ?? response)
        this.#status = final.status
        if (final.status !== 101) pipe.bodiless(final, hasNoContent(final.status) ? null : 0)
        else {
          pipe.open({ ...final, block: `${final.block}upgrade: ${head.upgrade ?? ''}\r\n` }, null, null)
          pipe.flushHead()
        }
        decided(final.status === 101)
      }),
    )
  }

  chunk(chunk: Uint8Array): void {
    this.#pipe?.chunk(chunk)
  }

  end(trailerBlock: string): void {
    this.#pipe?.end(trailerBlock)
  }

  onClientWritable(): void {
    this.#pipe?.onWritable()
  }

  flushHead(): void {
    this.#pipe?.flushHead()
  }

  /** The connection to the client must show that the answer is not complete. */
  breakOff(): void {
    this.#pipe?.breakOff()
  }

  /** Nothing is sent from now on. */
  drop(): void {
    this.#pipe?.drop()
  }

  /** Answers with what a filter gave. */
  respond(answer: OwnAnswer): void {
    // Sent unfiltered it could hold what `responseFilter` was to take out: a failure there is one of the session.
    this.#answer(answer, this.#phases.chain.responseFilter, (error) => this.#owner.fail(error))
  }

  /** Answers with the error document. @param bare without asking the filters, for which there is no time left */
  respondError(error: GatewayError, bare = false): void {
    const { session, env, chain } = this.#phases
    this.#answer(
      errorAnswer(error, session.requestId(), env),
      bare ? [] : chain.responseFilter,
      (failure, send) => {
        env.logger.error({ err: failure.cause ?? failure, reqId: session.requestId() }, failure.message)
        send()
      },
    )
  }

  /** An answer of our own: `responseFilter` may edit it, but not turn it into another one. */
  #answer(
    { head, body }: OwnAnswer,
    places: readonly PlacedFilter[],
    onFailure: (error: GatewayError, send: () => void) => void,
  ): void {
    const { session } = this.#phases
    session.downstreamResponse = head
    const pipe = this.#replacePipe(NO_SOURCE, 0)
    const send = (): void => {
      const final = session.downstreamResponse ?? head
      this.#status = final.code
      if (!this.#isBodiless(final.code)) pipe.complete(finalHead(this.#phases, final), body)
      else pipe.bodiless(finalHead(this.#phases, final), hasNoContent(final.code) ? null : body.length)
    }
    const owner: PhaseOwner = { onFilterResult: send, fail: (error) => onFailure(error, send) }
    this.#phases.runAs(owner, places, 'responseFilter', callResponseFilter, send)
  }

  #take(head: ResponseHead): ResponseHeader {
    const response = new ResponseHeader(head.status, head.statusText, new Headers(head.headerBlock))
    this.#phases.session.responseReceived = true
    this.#phases.session.downstreamResponse = response
    return response
  }

  #filterUpstream(response: ResponseHeader, next: () => void): void {
    this.#phases.run(
      this.#phases.chain.upstreamResponseFilter,
      'upstreamResponseFilter',
      (filter, current, ctx) => filter.upstreamResponseFilter?.(current, response, ctx),
      next,
    )
  }

  #filterResponse(next: () => void): void {
    this.#phases.run(this.#phases.chain.responseFilter, 'responseFilter', callResponseFilter, next)
  }

  /** The head is final, but for what filters of the body make of it. */
  #open(head: ResponseHead, original: ResponseHeader, pipe: ResponsePipe, isStored: boolean): void {
    const { session, route, chain } = this.#phases
    const response = session.downstreamResponse ?? original
    this.#status = response.code
    const mayHaveContent = !hasNoContent(head.status)
    let transform: BodyTransform | null = null
    if (chain.filtersResponseBody && mayHaveContent && !route.bufferResponseBody) {
      try {
        transform = responseTransform(this.#phases, isStored, head.contentLength)
      } catch (error) {
        this.#owner.fail(asGatewayError(error))
        return
      }
    }
    const final = finalHead(this.#phases, response)
    // What a HEAD announces must be what a GET would get, which nobody knows if filters change bodies.
    const isKnown = mayHaveContent ? transform === null : !chain.filtersResponseBody
    const length = isKnown && !route.bufferResponseBody ? head.contentLength : null
    if (this.#isBodiless(response.code)) pipe.bodiless(final, response.code === head.status ? length : null)
    else if (head.hasBody || transform !== null) pipe.open(final, length, transform)
    else pipe.bodiless(final, 0)
  }

  /** A collected body: as the upstream's, as the whole that `responseFilter` sees, as one piece on its way down. */
  #filterCollected(pipe: ResponsePipe, original: ResponseHeader, body: Uint8Array, isStored: boolean): void {
    const { session } = this.#phases
    const up = (): BodyTransform | null => (isStored ? null : upTransform(this.#phases, body.length))
    passWhole(this.#phases, this.#owner, up, body, (filtered) => {
      session.responseBody = filtered
      this.#filterResponse(() => {
        const response = session.downstreamResponse ?? original
        this.#status = response.code
        if (this.#isBodiless(response.code)) return pipe.bodiless(finalHead(this.#phases, response), null)
        const whole = session.responseBody ?? EMPTY
        const down = (): BodyTransform | null => downTransform(this.#phases, whole.length)
        passWhole(this.#phases, this.#owner, down, whole, (final) =>
          pipe.complete(finalHead(this.#phases, response), final),
        )
      })
    })
  }

  #isBodiless(status: number): boolean {
    return this.#isHead || hasNoContent(status)
  }

  #replacePipe(source: ResponseSource, collectBytes: number): ResponsePipe {
    this.drop()
    this.#pipe = new ResponsePipe(this.#port, source, collectBytes, this)
    return this.#pipe
  }
}

function callResponseFilter(filter: Filter, session: PhaseRunner['session'], ctx: unknown) {
  return filter.responseFilter?.(session, ctx)
}
