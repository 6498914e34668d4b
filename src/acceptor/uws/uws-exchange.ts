import { isAnswerHead, isBodiless } from '../answer-rules.js'
import { REFUSALS } from '../guard/index.js'
import { insteadOfBadAnswer, warnInternal } from '../internal-error.js'
import { type Downstream, LENGTH_CHUNKED, type Refusal, type RequestHead } from '../types.js'
import {
  type AnswerHead,
  CLOSES,
  type Ending,
  endWhole,
  endWithoutBody,
  KEEPS,
  LINGERS,
  UWS_CLOSES,
} from './answer-head.js'
import { DeferredCalls } from './deferred-calls.js'
import type { UwsExchangeHost, UwsExchangeOptions } from './exchange-host.js'
import { LINGER_MS, LingeringClose } from './lingering-close.js'
import type { UwsResponse } from './native-types.js'
import { writeRefusal } from './refused-request.js'
import { type BodyOwner, RequestBody } from './request-body.js'
import { type AnswerOwner, StreamedAnswer } from './streamed-answer.js'

/** Bodies up to this go to uWS in one call and are buffered there; what is larger is written as the client takes it. */
const WHOLE_BYTES = 65_536
/** What every socket buffer takes at once. */
const SMALL_ANSWER_BYTES = 16_384
const SMALL_LINGER_MS = 100

/**
 * One request and its answer over uWS.
 *
 * The last event may come from inside the owner's own calls: `onFinish` from inside `respond` and `end`, `onAbort` from inside
 * an `end` that comes too early.
 */
export class UwsExchange implements Downstream, BodyOwner, AnswerOwner {
  readonly head: RequestHead
  readonly host: UwsExchangeHost
  readonly response: UwsResponse
  owner: unknown = null
  isAlive = true
  /** The last event has not been given to the owner. */
  isOpen = true
  readonly #closes: boolean
  readonly #uwsCloses: boolean
  #body: RequestBody | null = null
  #answer: AnswerHead | null = null
  #announcedBytes: number | null = null
  #stream: StreamedAnswer | null = null
  #bytesOut = 0
  #deferred: DeferredCalls | null = null
  #linger: LingeringClose | null = null

  constructor(host: UwsExchangeHost, response: UwsResponse, head: RequestHead, options: UwsExchangeOptions) {
    this.head = head
    this.host = host
    this.response = response
    this.#closes = options.closes
    this.#uwsCloses = options.uwsCloses
  }

  get bytesOut(): number {
    return this.#stream === null ? this.#bytesOut : this.#stream.bytesOut
  }

  get isPaused(): boolean {
    return this.#body?.isPaused === true
  }

  /** Hands the request to its owner. If it is alive afterwards, uWS has to be given the abort callback. */
  start(): void {
    const { contentLength } = this.head
    const isChunked = contentLength === LENGTH_CHUNKED
    if (contentLength > 0 || isChunked) this.#body = new RequestBody(this, isChunked)
    this.#handOver(null, false)
  }

  respond(
    status: number,
    statusText: string,
    headerBlock: string,
    body: Uint8Array | null,
    contentLength: number | null,
  ): void {
    if (this.#deferred?.isHolding === true) {
      const copy = body === null ? null : new Uint8Array(body)
      this.#deferred.add(() => this.respond(status, statusText, headerBlock, copy, contentLength))
      return
    }
    if (!this.isOpen || this.#answer !== null) return
    if (!isAnswerHead(status, statusText, headerBlock)) {
      this.#answerInternalError()
      return
    }
    const answer = { status, statusText, headerBlock }
    if (this.head.method === 'HEAD' || isBodiless(status)) {
      this.#answer = answer
      this.#announcedBytes = contentLength
      this.#endWithoutBody(answer)
    } else if ((body !== null && body.length > WHOLE_BYTES) || this.ending() === LINGERS) {
      this.writeHead(status, statusText, headerBlock, body?.length ?? 0)
      if (body !== null) this.write(body)
      this.end('')
    } else {
      this.#answer = answer
      this.#bytesOut = body === null ? 0 : body.length
      const { requestId } = this.head
      if (this.host.current === this) endWhole(this.response, answer, body, requestId, this.ending())
      else this.response.cork(() => endWhole(this.response, answer, body, requestId, this.ending()))
      this.isAlive = false
      this.onComplete(false)
    }
  }

  writeHead(status: number, statusText: string, headerBlock: string, contentLength: number | null): void {
    if (this.#defers(() => this.writeHead(status, statusText, headerBlock, contentLength))) return
    if (!this.isOpen || this.#answer !== null) return
    if (!isAnswerHead(status, statusText, headerBlock)) {
      this.#answerInternalError()
      return
    }
    this.#answer = { status, statusText, headerBlock }
    this.#announcedBytes = contentLength
    if (this.head.method === 'HEAD' || isBodiless(status)) return
    this.#stream = new StreamedAnswer(this, this.#answer, contentLength)
  }

  write(chunk: Uint8Array): boolean {
    if (this.#deferred?.isHolding === true) {
      const copy = new Uint8Array(chunk)
      this.#deferred.add(() => this.write(copy))
      return true
    }
    return !this.isOpen || this.#stream === null || this.#stream.write(chunk)
  }

  /** Trailers are discarded, as RFC 9110 §6.5.1 allows: uWS cannot send any. */
  end(trailerBlock: string): void {
    if (this.#defers(() => this.end(trailerBlock))) return
    if (!this.isOpen || this.#answer === null) return
    if (this.#stream === null) {
      this.#endWithoutBody(this.#answer)
    } else if (this.#stream.missingBytes > 0) {
      this.abort()
      this.host.handler.onAbort(this)
    } else {
      this.#stream.end()
    }
  }

  abort(): void {
    if (!this.isOpen) return
    this.#close()
    this.#closeConnection()
  }

  pauseBody(): void {
    if (!this.isAlive || this.#body === null) return
    this.#body.pause()
    this.#stream?.onPauseChanged()
  }

  resumeBody(): void {
    if (!this.isAlive || this.#body === null) return
    this.#body.resume()
    this.#stream?.onPauseChanged()
  }

  /** uWS's abort callback: the client has gone, or uWS or we have closed the connection. */
  onAborted(): void {
    this.isAlive = false
    this.#linger?.cancel()
    if (!this.isOpen) return
    this.#close()
    this.host.handler.onAbort(this)
  }

  /** Ends the exchange in the acceptor's own name: with an answer if none has begun, else by closing. */
  refuse(refusal: Refusal): void {
    if (!this.isOpen) return
    const { requestId, method } = this.head
    const answers = this.#stream === null
    this.#close()
    this.host.handler.onAbort(this, refusal)
    if (!this.isAlive) return
    if (!answers) {
      this.#closeConnection()
      return
    }
    setImmediate(() => {
      if (!this.isAlive) return
      const context = { requestId, isHead: method === 'HEAD', uwsCloses: this.#uwsCloses }
      // Who was too slow is not waited for; who sends too much is, for a while, and so can read why.
      const lingers = refusal !== REFUSALS.bodyTimeout && this.#body?.isComplete === false
      if (writeRefusal(this.response, refusal, context, lingers)) this.#closeLater(LINGER_MS)
      else this.isAlive = false
    })
  }

  onBodyPiece(piece: Uint8Array, isLast: boolean): void {
    this.#handOver(piece, isLast)
  }

  onBodyDrained(): void {
    if (this.#isSmall()) this.#linger?.closeNow()
  }

  cork(callback: () => void): void {
    if (this.host.current === this) callback()
    else this.response.cork(callback)
  }

  ending(): Ending {
    // What is left of a body that nobody waits for must not be read as a request (B17).
    if (this.#body !== null && !this.#body.isComplete) return LINGERS
    if (this.#uwsCloses) return UWS_CLOSES
    return this.#closes || this.host.draining ? CLOSES : KEEPS
  }

  onStall(): void {
    if (!this.isOpen) return
    this.abort()
    this.host.handler.onAbort(this)
  }

  onComplete(staysOpen: boolean): void {
    this.#close()
    if (staysOpen) this.#closeLater(this.#isSmall() ? SMALL_LINGER_MS : this.host.options.timeouts.writeMs)
    this.host.handler.onFinish(this)
  }

  #answerInternalError(): void {
    const { status, headerBlock, body } = insteadOfBadAnswer(this.head.requestId)
    this.respond(status, 'Internal Server Error', headerBlock, body, body.length)
  }

  #endWithoutBody(answer: AnswerHead): void {
    const length = isBodiless(answer.status) ? null : this.#announcedBytes
    let ended = true
    this.cork(() => {
      ended = endWithoutBody(this.response, answer, length, this.head.requestId, this.ending())
    })
    if (ended) this.isAlive = false
    this.onComplete(!ended)
  }

  /** Gives the owner the request, or a piece of its body. Errors must not reach uWS: they would end the process. */
  #handOver(piece: Uint8Array | null, isLast: boolean): void {
    if (this.ending() !== KEEPS) {
      this.#deferred ??= new DeferredCalls()
      this.#deferred.hold()
    }
    this.host.current = this
    try {
      if (piece === null) this.host.handler.onRequest(this)
      else this.host.handler.onBody(this, piece, isLast)
    } catch (error) {
      warnInternal(error)
      this.onStall()
    }
    this.host.current = null
  }

  #closeConnection(): void {
    if (!this.isAlive) return
    // Said here too: uWS may not have its abort callback yet.
    this.isAlive = false
    this.response.close()
  }

  #defers(call: () => void): boolean {
    if (this.#deferred?.isHolding !== true) return false
    this.#deferred.add(call)
    return true
  }

  /** See {@link LingeringClose}. A body that is still coming is thrown away meanwhile. */
  #closeLater(delayMs: number): void {
    const isReceiving = this.#body !== null && !this.#body.isComplete
    this.#linger = new LingeringClose(
      this.host.wheel,
      this.response,
      Math.max(delayMs, isReceiving ? LINGER_MS : 0),
    )
    this.#body?.discard()
  }

  /** Everything of the answer lies in the socket's buffer already; of a large one nothing tells. */
  #isSmall(): boolean {
    return this.bytesOut <= SMALL_ANSWER_BYTES && this.#stream?.hasStalled !== true
  }

  #close(): void {
    this.isOpen = false
    this.#deferred?.drop()
    this.#body?.stop()
    this.#stream?.stop()
  }
}
