import { GatewayError } from '../session/errors.js'
import { Headers } from '../session/headers.js'
import type { Peer } from '../session/session.js'
import { type Deadline, type DeadlineWheel, now } from '../time/index.js'
import type { UpstreamExchange, UpstreamHandler, UpstreamRequest } from '../upstream/http1/index.js'
import { closedEarly, headersTimeout, misuse } from '../upstream/http1/upstream-errors.js'
import { join, pieces, toHeaders, turn, wholeBody } from './bytes.js'
import type { TestUpstream, TestUpstreamAnswer, TestUpstreamRequest } from './types.js'

export interface MemoryExchangeOptions {
  readonly request: UpstreamRequest
  readonly handler: UpstreamHandler
  readonly wheel: DeadlineWheel
  readonly windowBytes: number
  readonly reused: boolean
  readonly attempt: number
  readonly peer: Peer
  readonly headersMs: number
}

const NO_CONTENT: ReadonlySet<number> = new Set([204, 205, 304])

/**
 * One attempt at the upstream of a test: keeps the contract of `UpstreamHandler`, plays the faults that the test asks for, and is
 * what the test sees of the request.
 */
export class MemoryExchange implements UpstreamExchange, TestUpstreamRequest {
  readonly peer: Peer
  readonly attempt: number
  readonly method: string
  readonly target: string
  readonly headers: Headers
  readonly contentLength: number | null
  readonly reused: boolean
  bytesSent = false
  readonly #options: MemoryExchangeOptions
  readonly #parts: Uint8Array[] = []
  readonly #headersDeadline: Deadline
  readonly #whole: Promise<Uint8Array>
  #settle: { resolve(body: Uint8Array): void; reject(error: Error): void } | null = null
  #connected = false
  #complete = false
  #ended = false
  #paused = false
  /** A piece was delivered since the pause. */
  #late = false
  #resume: (() => void) | null = null
  #unsent = 0
  #left: number

  constructor(options: MemoryExchangeOptions) {
    this.#options = options
    this.reused = options.reused
    this.attempt = options.attempt
    this.peer = options.peer
    const { request, wheel } = options
    const { body, bodyBytes } = request
    this.method = request.method
    this.target = request.target
    this.headers = new Headers(request.headerBlock)
    this.contentLength = body.kind === 'length' ? body.length : null
    if (bodyBytes !== undefined) this.#parts.push(Uint8Array.from(bodyBytes))
    this.#complete = bodyBytes !== undefined || body.kind === 'none' || this.contentLength === 0
    this.#left = this.contentLength ?? Number.POSITIVE_INFINITY
    this.#headersDeadline = wheel.create(() => this.#fail(headersTimeout()))
    this.#whole = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    // Nobody has to want it.
    this.#whole.catch(() => undefined)
  }

  get body(): Promise<Uint8Array> {
    // Whoever wants the body has a connection.
    this.#connect()
    return this.#whole
  }

  get received(): Uint8Array {
    return join(this.#parts)
  }

  get complete(): boolean {
    return this.#complete
  }

  /** Asks the test's upstream and plays what it answers. */
  async serve(upstream: TestUpstream): Promise<void> {
    if (this.#ended) return
    const { wheel, headersMs } = this.#options
    if (headersMs > 0) wheel.arm(this.#headersDeadline, headersMs)
    let answer: TestUpstreamAnswer
    try {
      answer = await upstream(this)
    } catch (fault) {
      this.#fail(fault instanceof GatewayError ? fault : closedEarly('waiting', fault))
      return
    }
    this.#connect()
    // A request that never ends is answered when it is aborted: not at all.
    if (answer.early !== true) await this.#whole.catch(() => undefined)
    try {
      await this.#play(answer)
    } catch (fault) {
      this.#fail(fault instanceof GatewayError ? fault : closedEarly('body', fault))
    }
  }

  write(chunk: Uint8Array): boolean {
    if (this.#ended || this.#complete) return true
    if (chunk.length > this.#left) {
      this.#failLater('more of the request body was written than announced')
      return true
    }
    this.#left -= chunk.length
    this.bytesSent = true
    this.#parts.push(new Uint8Array(chunk))
    const { windowBytes, handler } = this.#options
    const wasFull = this.#unsent > windowBytes
    this.#unsent += chunk.length
    if (this.#unsent <= windowBytes) return true
    if (!wasFull) {
      void turn().then(() => {
        this.#unsent = 0
        if (!this.#ended) handler.onDrain()
      })
    }
    return false
  }

  end(): void {
    if (this.#ended || this.#complete) return
    if (this.#left > 0 && this.#left !== Number.POSITIVE_INFINITY) {
      this.#failLater('the request body is shorter than announced')
      return
    }
    this.#complete = true
    queueMicrotask(() => this.#onComplete())
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#resume?.()
  }

  abort(): void {
    this.#ended = true
    this.#resume?.()
    this.#options.wheel.clear(this.#headersDeadline)
    this.#settle?.reject(new Error('the gateway has aborted the request'))
  }

  #connect(): void {
    if (this.#connected || this.#ended) return
    this.#connected = true
    this.#options.handler.onConnected(this.reused, now())
    if (this.#complete) queueMicrotask(() => this.#onComplete())
  }

  #onComplete(): void {
    if (this.#ended) return
    this.bytesSent = true
    this.#options.handler.onRequestSent(now())
    this.#settle?.resolve(this.received)
  }

  async #play(answer: TestUpstreamAnswer): Promise<void> {
    const { handler, request } = this.#options
    for (const { status, headers } of answer.informational ?? []) {
      if (!this.#ended) handler.onInformational?.(status, toHeaders(headers).toBlock())
    }
    const { status = 200, statusText = '', body = '' } = answer
    const whole = wholeBody(body)
    const hasContent = request.method !== 'HEAD' && !NO_CONTENT.has(status)
    const headerBlock = toHeaders(answer.headers).toBlock()
    const contentLength = NO_CONTENT.has(status) && whole?.length === 0 ? null : (whole?.length ?? null)
    if (this.#ended) return
    this.#options.wheel.clear(this.#headersDeadline)
    const hasBody = hasContent && contentLength !== 0
    handler.onHead({ status, statusText, headerBlock, contentLength, hasBody }, now())
    if (hasContent) for await (const piece of pieces(body)) if (!(await this.#deliver(piece))) return
    await this.#whileOpen()
    if (this.#ended) return
    this.#ended = true
    handler.onEnd(hasContent ? toHeaders(answer.trailers).toBlock() : '', now())
  }

  /** @returns false when nobody listens any more */
  async #deliver(piece: Uint8Array): Promise<boolean> {
    // What was read already when the pause came is still delivered, as by a socket.
    if (this.#paused && this.#late) await this.#whileOpen()
    if (this.#ended) return false
    this.#late = this.#paused
    this.#options.handler.onBody(piece)
    // A receiver that kept the view would see this.
    piece.fill(0xee)
    return true
  }

  /** Waits while the response is paused. */
  async #whileOpen(): Promise<void> {
    while (this.#paused && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#resume = resolve
      })
    }
  }

  #failLater(problem: string): void {
    queueMicrotask(() => this.#fail(misuse(problem)))
  }

  #fail(error: GatewayError): void {
    if (this.#ended) return
    if (error.code !== 'HG_CONNECT_FAILED') this.#connect()
    if (this.#ended) return
    this.abort()
    this.#options.handler.onError(error)
  }
}
