import { errorResponse } from '../session/error-response.js'
import { GatewayError } from '../session/errors.js'
import { Headers } from '../session/headers.js'
import { ResponseHeader } from '../session/message-headers.js'
import type { ResponseHead } from '../upstream/http1/index.js'
import type { ClientPort } from './client-port.js'
import { asGatewayError, type PhaseRunner } from './phase-runner.js'
import { ResponsePipe, type ResponseSource, type ResponseTransform } from './response-pipe.js'
import type { FilterResponse } from './results.js'
import { runHooks } from './run-hooks.js'

const EMPTY = new Uint8Array(0)
const encoder = new TextEncoder()
const NO_SOURCE: ResponseSource = { pause() {}, resume() {} }

export interface ResponseStageOwner {
  fail(error: GatewayError): void
  /** The last byte was handed over; the acceptor will say when it was sent. */
  onResponseHandedOver(): void
}

/** Phases 6 to 8 of a session: what the upstream, a filter or the gateway itself answers, on its way to the client. */
export class ResponseStage {
  readonly #phases: PhaseRunner
  readonly #port: ClientPort
  readonly #owner: ResponseStageOwner
  #pipe: ResponsePipe | null = null
  #status = 0
  #answered = false

  constructor(phases: PhaseRunner, port: ClientPort, owner: ResponseStageOwner) {
    this.#phases = phases
    this.#port = port
    this.#owner = owner
  }

  /** Status that went to the client, 0 if none did. */
  get status(): number {
    return this.headSent ? this.#status : 0
  }

  /** The client may have seen something of an answer. */
  get headSent(): boolean {
    return this.#pipe?.headSent ?? false
  }

  /** An answer of our own is on its way. */
  get answered(): boolean {
    return this.#answered
  }

  get bytesOut(): number {
    return this.#pipe?.bytesOut ?? 0
  }

  /** A response head from the upstream: filters, then the client. @param source what holds the response back */
  begin(head: ResponseHead, source: ResponseSource): void {
    const { session, route, env } = this.#phases
    const { chain } = route
    const response = new ResponseHeader(head.status, head.statusText, new Headers(head.headerBlock))
    session.responseReceived = true
    session.downstreamResponse = response
    const buffers = head.hasBody && route.bufferResponseBody
    const pipe = this.#createPipe(source, buffers, this.#bodyTransform(head.hasBody))
    this.#pipe = pipe
    this.#phases.run(
      chain.upstreamResponseFilter,
      'upstreamResponseFilter',
      (filter, current, ctx) => filter.upstreamResponseFilter?.(current, response, ctx),
      () => {
        if (!buffers) this.#filterResponse(() => this.#open(head, pipe))
        // With buffering `onBuffered` goes on when the body is whole.
        else if (head.contentLength !== null && head.contentLength > env.bufferedBodyBytes) {
          this.#owner.fail(responseTooLarge())
        }
      },
    )
  }

  chunk(chunk: Uint8Array): void {
    this.#pipe?.chunk(chunk)
  }

  end(trailerBlock: string): void {
    const { session, route } = this.#phases
    const { chain } = route
    let block = trailerBlock
    if (block !== '' && chain.upstreamResponseTrailerFilter.length + chain.responseTrailerFilter.length > 0) {
      const trailers = new Headers(block)
      const kept =
        this.#phases.notify(
          chain.upstreamResponseTrailerFilter,
          'upstreamResponseTrailerFilter',
          (filter, ctx) => filter.upstreamResponseTrailerFilter?.(session, trailers, ctx),
        ) &&
        this.#phases.notify(chain.responseTrailerFilter, 'responseTrailerFilter', (filter, ctx) =>
          filter.responseTrailerFilter?.(session, trailers, ctx),
        )
      if (!kept) return
      block = trailers.toBlock()
    }
    this.#pipe?.end(block)
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

  /** Answers with what a filter gave. @throws GatewayError if status or headers are invalid */
  respond(response: FilterResponse): void {
    const { status, headers = {}, body = '' } = response
    const head = new ResponseHeader(200, '', new Headers())
    head.setStatus(status)
    for (const [name, value] of Object.entries(headers)) {
      for (const line of typeof value === 'string' ? [value] : value) head.headers.append(name, line)
    }
    // Framing is the gateway's own; see the acceptor's contract.
    for (const name of ['content-length', 'transfer-encoding', 'connection', 'date'])
      head.headers.remove(name)
    this.#answer(head, typeof body === 'string' ? encoder.encode(body) : body)
  }

  /** Answers with the error document. */
  respondError(error: GatewayError): void {
    const extra = error.status === 503 ? 'retry-after: 1\r\n' : ''
    const made = errorResponse(
      error.status,
      error.reason,
      error.message,
      this.#phases.session.requestId(),
      extra,
    )
    this.#answer(new ResponseHeader(made.status, '', new Headers(made.headerBlock)), made.body)
  }

  /** An answer of our own: `responseFilter` may edit it, but not turn it into another one. */
  #answer(head: ResponseHeader, body: Uint8Array): void {
    const { session, route, env, contexts } = this.#phases
    session.downstreamResponse = head
    this.#answered = true
    const pipe = this.#createPipe(NO_SOURCE, false, null)
    this.#pipe = pipe
    const send = (): void => {
      if (this.#pipe !== pipe) return
      const hidden = session.downstreamRequest?.method === 'HEAD' || head.code === 204 || head.code === 304
      this.#status = head.code
      pipe.complete(
        head.code,
        head.text,
        head.headers.toBlock(),
        hidden ? null : body,
        hidden ? lengthOf(head, body) : null,
      )
    }
    try {
      const outcome = runHooks(route.chain.responseFilter, 'responseFilter', env, ({ filter, index }) =>
        filter.responseFilter?.(session, contexts[index]),
      )
      if (outcome instanceof Promise) {
        const failed = (error: unknown): void => {
          env.logger.error(
            { err: error, reqId: session.requestId() },
            'responseFilter failed on an answer of the gateway',
          )
          send()
        }
        outcome.then(send, failed)
      } else send()
    } catch (error) {
      env.logger.error(
        { err: error, reqId: session.requestId() },
        'responseFilter failed on an answer of the gateway',
      )
      send()
    }
  }

  #filterResponse(next: () => void): void {
    this.#phases.run(
      this.#phases.route.chain.responseFilter,
      'responseFilter',
      (filter, session, ctx) => filter.responseFilter?.(session, ctx),
      next,
    )
  }

  /** The head is final. */
  #open(head: ResponseHead, pipe: ResponsePipe): void {
    const response = this.#phases.session.downstreamResponse
    if (response === null) {
      pipe.open(head, head.headerBlock)
      return
    }
    this.#status = response.code
    const same = response.code === head.status
    pipe.open(
      { ...head, status: response.code, statusText: same ? head.statusText : response.text },
      response.headers.toBlock(),
    )
  }

  #onBuffered(pipe: ResponsePipe, body: Uint8Array): void {
    const { session } = this.#phases
    session.responseBody = body
    this.#filterResponse(() => {
      const response = session.downstreamResponse
      if (response === null) return
      const final = session.responseBody ?? EMPTY
      this.#status = response.code
      const transform = this.#bodyTransform(true)
      const send = (bytes: Uint8Array): void =>
        pipe.complete(response.code, response.text, response.headers.toBlock(), bytes, null)
      if (transform === null) {
        send(final)
        return
      }
      try {
        const bytes = transform(final, true)
        if (bytes instanceof Uint8Array) send(bytes)
        else bytes.then(send, (error: unknown) => this.#owner.fail(asGatewayError(error)))
      } catch (error) {
        this.#owner.fail(asGatewayError(error))
      }
    })
  }

  #bodyTransform(hasBody: boolean): ResponseTransform | null {
    const { session, route } = this.#phases
    if (!hasBody || !route.chain.filtersResponseBody) return null
    const up = this.#phases.bodyTransform(
      route.chain.having('upstreamResponseBodyFilter'),
      'upstreamResponseBodyFilter',
      (filter, piece, end, ctx) => filter.upstreamResponseBodyFilter?.(session, piece, end, ctx),
    )
    const down = this.#phases.bodyTransform(
      route.chain.having('responseBodyFilter'),
      'responseBodyFilter',
      (filter, piece, end, ctx) => filter.responseBodyFilter?.(session, piece, end, ctx),
    )
    if (up === null || down === null) return up ?? down
    return (piece, end) => {
      const first = up(piece, end)
      return first instanceof Uint8Array ? down(first, end) : first.then((bytes) => down(bytes, end))
    }
  }

  #createPipe(source: ResponseSource, buffers: boolean, transform: ResponseTransform | null): ResponsePipe {
    const pipe: ResponsePipe = new ResponsePipe({
      port: this.#port,
      source,
      transform: buffers ? null : transform,
      bufferBytes: buffers ? this.#phases.env.bufferedBodyBytes : 0,
      onBuffered: (body) => this.#onBuffered(pipe, body),
      onTooLarge: () => this.#owner.fail(responseTooLarge()),
      onError: (error) => this.#owner.fail(asGatewayError(error)),
      onSent: () => this.#owner.onResponseHandedOver(),
    })
    return pipe
  }
}

/** What a HEAD answer announces; 204 and 304 of our own announce nothing. */
function lengthOf(head: ResponseHeader, body: Uint8Array): number | null {
  return head.code === 204 || head.code === 304 ? null : body.length
}

function responseTooLarge(): GatewayError {
  return new GatewayError('the response is larger than what may be buffered', {
    code: 'HG_BODY_TOO_LARGE',
    status: 502,
    reason: 'http_response_body_size',
    source: 'upstream',
  })
}
