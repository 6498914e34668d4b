import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { isUpgradeHead } from '../answer-rules.js'
import { gatewayFields } from '../gateway-fields.js'
import { attempt, warnInternal } from '../internal-error.js'
import type { RequestHead } from '../types.js'
import type { NodeExchangeHost } from './exchange-host.js'
import { NodeExchange } from './node-exchange.js'

/** What a client may send before it has the 101; then it is not read any further. */
const EARLY_BYTES = 65_536
const EMPTY = new Uint8Array(0)

/**
 * A request that may switch protocols. Node has given its socket away: an ordinary answer closes the connection, and after a 101
 * the bytes go through as they are.
 */
export class NodeUpgrade extends NodeExchange {
  readonly #socket: Socket
  readonly #response: ServerResponse
  /** What came before the 101. */
  #early: Buffer[]
  #earlyBytes: number
  #isTunnel = false
  #isOver = false
  #isPaused = false
  #hasEnded = false
  #clientEnded = false
  #tunnelBytesOut = 0

  /** @param firstBytes what Node had read behind the head */
  constructor(
    host: NodeExchangeHost,
    head: RequestHead,
    request: IncomingMessage,
    response: ServerResponse,
    socket: Socket,
    firstBytes: Buffer,
  ) {
    super(host, head, request, response, { sendContinue: false, closes: true })
    this.#socket = socket
    this.#response = response
    this.#early = firstBytes.length > 0 ? [firstBytes] : []
    this.#earlyBytes = firstBytes.length
    const fail = () => socket.destroy()
    socket.on('data', (chunk: Buffer) => attempt(() => this.#onData(chunk), fail))
    socket.on('end', () => attempt(() => this.#onEnd(), fail))
    socket.on('drain', () => attempt(() => this.#onDrained(), fail))
    socket.on('finish', () => attempt(() => this.#finishTunnel(), fail))
    socket.on('error', () => undefined)
    socket.on('close', () => attempt(() => this.#onClosed()))
  }

  override get bytesOut(): number {
    return this.#isTunnel ? this.#tunnelBytesOut : super.bytesOut
  }

  upgrade(statusText: string, headerBlock: string): void {
    if (this.#isTunnel || this.headWritten || this.#socket.destroyed) return
    if (!isUpgradeHead(statusText, headerBlock)) {
      warnInternal(`the 101 to ${this.head.requestId} is malformed`)
      this.abort()
      this.host.handler.onAbort(this)
      return
    }
    // From here on the response of Node has no part in it.
    this.finish()
    this.#response.detachSocket(this.#socket)
    this.#isTunnel = true
    this.#socket.setTimeout(0)
    const fields = `${headerBlock}connection: Upgrade\r\n${gatewayFields(this.head.requestId)}`
    this.#socket.write(
      `HTTP/1.1 101 ${statusText}\r\ndate: ${new Date().toUTCString()}\r\n${fields}\r\n`,
      'latin1',
    )
    const early = this.#early
    this.#early = []
    for (const bytes of early) this.host.handler.onBody(this, bytes, false)
    if (this.#clientEnded) this.#endBody()
    else if (!this.#isPaused) this.#socket.resume()
  }

  override write(chunk: Uint8Array): boolean {
    if (!this.#isTunnel) return super.write(chunk)
    if (this.#isOver || this.#hasEnded) return true
    this.#tunnelBytesOut += chunk.length
    return this.#socket.write(Buffer.from(chunk))
  }

  override end(trailerBlock: string): void {
    if (!this.#isTunnel) {
      super.end(trailerBlock)
      return
    }
    if (this.#isOver || this.#hasEnded) return
    this.#hasEnded = true
    this.#socket.end()
  }

  override abort(): void {
    if (!this.#isTunnel) super.abort()
    else if (!this.#isOver) {
      this.#isOver = true
      this.#socket.destroy()
    }
  }

  override pauseBody(): void {
    this.#isPaused = true
    if (this.#isTunnel) this.#socket.pause()
  }

  override resumeBody(): void {
    this.#isPaused = false
    if (this.#isTunnel && !this.#isOver) this.#socket.resume()
  }

  #onData(chunk: Buffer): void {
    if (this.#isTunnel) {
      if (!this.#isOver) this.host.handler.onBody(this, chunk, false)
      return
    }
    // The client has not been told to switch yet. What it sends all the same waits; most of all its end must be noticed.
    this.#early.push(chunk)
    this.#earlyBytes += chunk.length
    if (this.#earlyBytes >= EARLY_BYTES) this.#socket.pause()
  }

  #onEnd(): void {
    this.#clientEnded = true
    if (this.#isTunnel) this.#endBody()
  }

  #endBody(): void {
    if (this.#isOver) return
    this.host.handler.onBody(this, EMPTY, true)
    this.#finishTunnel()
  }

  #onDrained(): void {
    if (this.#isTunnel && !this.#isOver) this.host.handler.onDrain(this)
  }

  /** Both directions have ended, and all that was written is with the system. */
  #finishTunnel(): void {
    if (!this.#isTunnel || this.#isOver || !this.#clientEnded || !this.#socket.writableFinished) return
    // A socket that was destroyed says `finish` too.
    if (!this.#hasEnded || this.#socket.errored !== null) return
    this.#isOver = true
    this.host.handler.onFinish(this)
  }

  #onClosed(): void {
    if (!this.#isTunnel || this.#isOver) return
    this.#isOver = true
    this.host.handler.onAbort(this)
  }
}
