import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Deadline } from '../../time/index.js'
import { isAnswerHead, isBodiless } from '../answer-rules.js'
import { gatewayFields } from '../gateway-fields.js'
import { REFUSALS } from '../guard/index.js'
import { headerLines } from '../header-lines.js'
import { attempt, insteadOfBadAnswer } from '../internal-error.js'
import { refusalAnswer } from '../refusal-answer.js'
import { type Downstream, LENGTH_CHUNKED, type Refusal, type RequestHead } from '../types.js'
import type { NodeExchangeHost } from './exchange-host.js'
import { lingerOnClose } from './linger-on-close.js'

/** One request and its answer over `node:http`. */
export class NodeExchange implements Downstream {
  readonly head: RequestHead
  owner: unknown = null
  protected readonly host: NodeExchangeHost
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #sendContinue: boolean
  #headWritten = false
  #ended = false
  #over = false
  #bodyComplete: boolean
  #bodyPaused = false
  #bytesIn = 0
  #bytesOut = 0
  /** Bytes still owed of an answer of known length; -1 when it is not known. */
  #owed = -1
  #bodyDeadline: Deadline | null = null
  #closes: boolean

  constructor(
    host: NodeExchangeHost,
    head: RequestHead,
    request: IncomingMessage,
    response: ServerResponse,
    options: { readonly sendContinue: boolean; readonly closes: boolean },
  ) {
    this.head = head
    this.host = host
    this.#request = request
    this.#response = response
    this.#sendContinue = options.sendContinue
    this.#closes = options.closes
    this.#bodyComplete = head.contentLength <= 0 && head.contentLength !== LENGTH_CHUNKED
    const fail = () => request.socket.destroy()
    response.on('close', () => attempt(() => this.onClose()))
    response.on('finish', () => attempt(() => this.#onFinish(), fail))
    response.on('drain', () => attempt(() => this.#onDrain(), fail))
    response.on('error', () => this.abort())
  }

  get bytesOut(): number {
    return this.#bytesOut
  }

  get isOver(): boolean {
    return this.#over
  }

  get headWritten(): boolean {
    return this.#headWritten
  }

  get bodyComplete(): boolean {
    return this.#bodyComplete
  }

  /** No further request will be read: the answer closes the connection. */
  closeBehind(): void {
    this.#closes = true
  }

  /** Hands the request to the owner and begins to read its body. */
  start(): void {
    this.host.handler.onRequest(this)
    if (this.#bodyComplete) {
      this.#request.resume()
      return
    }
    this.#bodyDeadline = this.host.wheel.create(() => this.refuse(REFUSALS.bodyTimeout))
    const fail = () => this.#request.socket.destroy()
    this.#request.on('data', (chunk: Buffer) => attempt(() => this.#onData(chunk), fail))
    this.#request.on('end', () => attempt(() => this.#onEnd(), fail))
    this.#request.on('error', () => undefined)
    if (this.#bodyPaused) this.#request.pause()
    else this.#startReading()
  }

  respond(
    status: number,
    statusText: string,
    headerBlock: string,
    body: Uint8Array | null,
    contentLength: number | null,
  ): void {
    if (this.#headWritten || this.#over) return
    if (!isAnswerHead(status, statusText, headerBlock)) {
      this.#answerInternalError()
      return
    }
    const bodiless = isBodiless(status)
    if (bodiless || this.head.method === 'HEAD') {
      this.#writeHead(status, statusText, headerBlock, bodiless ? null : contentLength)
      this.#finishWriting()
      return
    }
    const size = body?.length ?? 0
    this.#writeHead(status, statusText, headerBlock, size)
    if (body !== null && size > 0) this.#response.write(Buffer.from(body))
    this.#bytesOut += size
    this.#finishWriting()
  }

  writeHead(status: number, statusText: string, headerBlock: string, contentLength: number | null): void {
    if (this.#headWritten || this.#over) return
    if (!isAnswerHead(status, statusText, headerBlock)) {
      this.#answerInternalError()
      return
    }
    const bodiless = isBodiless(status)
    this.#writeHead(status, statusText, headerBlock, bodiless ? null : contentLength)
    this.#owed = bodiless || this.head.method === 'HEAD' ? 0 : (contentLength ?? -1)
    // The head goes out with the first piece of the body, or alone if none is there by the end of this turn.
    setImmediate(() => {
      if (!this.#over && !this.#ended && this.#bytesOut === 0) this.#response.flushHeaders()
    })
  }

  /** Not for HTTP/1.0 (RFC 9110 §15.2), nor while answers to earlier requests of the connection are due. */
  writeInformational(status: number, headerBlock: string): void {
    const { socket } = this.#response
    if (this.#headWritten || this.#over || socket === null || this.#request.httpVersionMinor === 0) return
    if (!isAnswerHead(200, '', headerBlock)) return
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${headerBlock}\r\n`, 'latin1')
  }

  write(chunk: Uint8Array): boolean {
    if (!this.#headWritten || this.#ended || this.#over) return true
    const size = this.#owed < 0 ? chunk.length : Math.min(chunk.length, this.#owed)
    if (size === 0) return true
    if (this.#owed >= 0) this.#owed -= size
    this.#bytesOut += size
    const roomLeft = this.#response.write(Buffer.from(chunk.subarray(0, size)))
    if (!roomLeft) this.#watchProgress()
    return roomLeft
  }

  end(trailerBlock: string): void {
    if (!this.#headWritten || this.#ended || this.#over) return
    if (this.#owed > 0) {
      this.#ended = true
      this.#request.socket.destroy()
      return
    }
    if (trailerBlock !== '' && this.#owed < 0) {
      const lines = headerLines(trailerBlock)
      const trailers: [string, string][] = []
      for (let i = 0; i < lines.length; i += 2) trailers.push([lines[i] ?? '', lines[i + 1] ?? ''])
      this.#response.addTrailers(trailers)
    }
    this.#finishWriting()
  }

  abort(): void {
    if (this.#over) return
    this.finish()
    this.#request.socket.destroy()
  }

  pauseBody(): void {
    if (this.#bodyComplete || this.#bodyPaused) return
    this.#bodyPaused = true
    this.#request.pause()
    if (this.#bodyDeadline !== null) this.host.wheel.clear(this.#bodyDeadline)
  }

  resumeBody(): void {
    if (this.#bodyComplete || !this.#bodyPaused) return
    this.#bodyPaused = false
    if (this.#bodyDeadline !== null && !this.#over) this.#startReading()
  }

  /** Ends the exchange in the acceptor's own name: with an answer if none has begun, else by closing. */
  refuse(refusal: Refusal): void {
    if (this.#over) return
    const answers = !this.#headWritten
    if (answers) {
      const answer = refusalAnswer(refusal, this.head.requestId)
      this.#closes = true
      this.#writeHead(answer.status, answer.statusText, answer.headerBlock, answer.body.length)
      this.#response.end(answer.body)
    }
    this.finish()
    this.host.handler.onAbort(this, refusal)
    if (!answers) this.#request.socket.destroy()
  }

  #answerInternalError(): void {
    const { status, headerBlock, body } = insteadOfBadAnswer(this.head.requestId)
    this.respond(status, 'Internal Server Error', headerBlock, body, body.length)
  }

  #writeHead(status: number, statusText: string, headerBlock: string, contentLength: number | null): void {
    this.#headWritten = true
    const lines = headerLines(headerBlock + gatewayFields(this.head.requestId))
    if (contentLength !== null) lines.push('content-length', String(contentLength))
    // What is left of a body that nobody waits for, or of a chunked one, must not be read as a request (U3, B17).
    if (this.#closes || this.host.draining || !this.#bodyComplete) this.#response.shouldKeepAlive = false
    if (!this.#bodyComplete) lingerOnClose(this.#request, this.host.wheel)
    this.#response.writeHead(status, statusText, lines)
  }

  #finishWriting(): void {
    this.#ended = true
    this.#watchProgress()
    this.#response.end()
  }

  /** Node's socket timer knows of progress inside the write queue; without any it closes the socket. */
  #watchProgress(): void {
    this.#request.socket.setTimeout(this.host.options.timeouts.writeMs)
  }

  #startReading(): void {
    if (this.#sendContinue) {
      // Behind an answer that is still due, Node would put it between our own head and body: it waits for its turn.
      if (this.#response.socket === null) this.#response.once('socket', () => this.#continue())
      else this.#continue()
    }
    this.#armBodyDeadline()
    this.#request.resume()
  }

  #continue(): void {
    if (this.#bytesIn === 0 && !this.#headWritten && !this.#over) this.#response.writeContinue()
  }

  #armBodyDeadline(): void {
    const deadline = this.#bodyDeadline
    if (deadline !== null) this.host.wheel.arm(deadline, this.host.options.timeouts.bodyMs)
  }

  #onData(chunk: Buffer): void {
    if (this.#over) return
    this.#bytesIn += chunk.length
    const { bodyBytes } = this.host.options.limits
    if (bodyBytes > 0 && this.#bytesIn > bodyBytes) {
      this.refuse(REFUSALS.bodyBytes)
      return
    }
    const last = this.#bytesIn === this.head.contentLength
    if (last) this.#completeBody()
    else if (!this.#bodyPaused) this.#armBodyDeadline()
    this.host.handler.onBody(this, chunk, last)
  }

  #onEnd(): void {
    if (this.#bodyComplete || this.#over) return
    this.#completeBody()
    this.host.handler.onBody(this, new Uint8Array(0), true)
  }

  #completeBody(): void {
    this.#bodyComplete = true
    if (this.#bodyDeadline !== null) this.host.wheel.clear(this.#bodyDeadline)
  }

  #onDrain(): void {
    if (this.#over || this.#ended) return
    this.#request.socket.setTimeout(0)
    this.host.handler.onDrain(this)
  }

  #onFinish(): void {
    // Node says `finish` too when a socket is destroyed with data in its queue; then `close` follows.
    if (this.#over || this.#request.socket.destroyed) return
    this.finish()
    this.host.handler.onFinish(this)
  }

  /** The connection is gone, or the answer has been taken. */
  onClose(): void {
    if (this.#over) return
    this.finish()
    this.host.handler.onAbort(this)
  }

  /** The last event of the exchange is due, or the tunnel takes over. */
  protected finish(): void {
    this.#over = true
    if (this.#bodyDeadline !== null) this.host.wheel.clear(this.#bodyDeadline)
  }
}
