import { DEFLATE_OFFER, namesDeflate } from '../../websocket/index.js'
import { isUpgradeHead } from '../answer-rules.js'
import { warnInternal } from '../internal-error.js'
import type { RequestHead } from '../types.js'
import { writeAnswerHead } from './answer-head.js'
import type { UwsExchangeHost } from './exchange-host.js'
import type { UwsNative, UwsResponse, UwsSocketContext } from './native-types.js'
import { Throttle } from './throttle.js'
import { UwsExchange } from './uws-exchange.js'
import { WebSocketTunnel } from './websocket-tunnel.js'

const KEY = /(?:^|\r\n)sec-websocket-key: ([A-Za-z0-9+/]{22}==)\r\n/
const VERSION = /(?:^|\r\n)sec-websocket-version: 13\r\n/
const EXTENSIONS = /^sec-websocket-extensions:.*\r\n/gm
/** Lines of a 101 that uWS writes itself, or that would promise what it does not do. */
const OWN = /^(?:upgrade|sec-websocket-accept|sec-websocket-extensions):.*\r\n/gim

/** What uWS needs to make a WebSocket of a request. */
export interface Handshake {
  readonly context: UwsSocketContext
  readonly key: string
  /** Those that the client offers and uWS may accept, '' for none. */
  readonly extensions: string
  readonly maxMessageBytes: number
  /** Longest message that is compressed for the client. */
  readonly compressedBytes: number
}

/** The key of a WebSocket handshake that uWS can answer, '' when it is none (RFC 6455 §4.2.1). */
export function handshakeKey(headerBlock: string): string {
  return VERSION.test(headerBlock) ? (KEY.exec(headerBlock)?.[1] ?? '') : ''
}

/**
 * uWS speaks extensions with the client itself: what the upstream is offered is only what the worker can speak with it.
 * @param extensions those of the client that uWS may accept
 */
export function withOwnExtensions(headerBlock: string, extensions: string): string {
  const block = headerBlock.replace(EXTENSIONS, '')
  return namesDeflate(extensions) ? `${block}sec-websocket-extensions: ${DEFLATE_OFFER}\r\n` : block
}

/** What the client offers, as uWS reads it. */
export function offeredExtensions(headerBlock: string): string {
  const lines = headerBlock.match(EXTENSIONS) ?? []
  return lines.map((line) => line.slice(line.indexOf(':') + 1).trim()).join(', ')
}

/** What uWS calls the compression of messages up to so many bytes. */
export function compressionOf(native: UwsNative, compressedBytes: number): number {
  const { DISABLED, SHARED_COMPRESSOR, SHARED_DECOMPRESSOR } = native
  return compressedBytes === 0 ? DISABLED : SHARED_COMPRESSOR | SHARED_DECOMPRESSOR
}

/** A request that may become a WebSocket. */
export class UwsUpgrade extends UwsExchange {
  readonly #handshake: Handshake
  #tunnel: WebSocketTunnel | null = null

  constructor(host: UwsExchangeHost, response: UwsResponse, head: RequestHead, handshake: Handshake) {
    super(host, response, head, { closes: false, uwsCloses: false })
    this.#handshake = handshake
  }

  override get bytesOut(): number {
    return this.#tunnel === null ? super.bytesOut : this.#tunnel.bytesOut
  }

  upgrade(statusText: string, headerBlock: string): void {
    if (!this.isOpen || !this.isAlive || this.#tunnel !== null) return
    if (!isUpgradeHead(statusText, headerBlock)) {
      warnInternal(`the 101 to ${this.head.requestId} is malformed`)
      this.abort()
      this.host.handler.onAbort(this)
      return
    }
    const { context, key, extensions } = this.#handshake
    const { response } = this
    const tunnel = new WebSocketTunnel(this, this.host, new Throttle(response), this.#handshake)
    this.#tunnel = tunnel
    // From here on the response is no more.
    this.isAlive = false
    this.isOpen = false
    const head = { status: 101, statusText, headerBlock: headerBlock.replace(OWN, '') }
    response.cork(() => writeAnswerHead(response, head, this.head.requestId, false))
    // Not inside `cork`: that looks at its response again afterwards, unless the WebSocket has another address. The memory is reallocated, so
    // often it has the same; then what is read as the response's state is the WebSocket's, and may say "close".
    response.upgrade({ tunnel }, key, '', extensions, context)
  }

  override write(chunk: Uint8Array): boolean {
    return this.#tunnel === null ? super.write(chunk) : this.#tunnel.write(chunk)
  }

  override end(trailerBlock: string): void {
    if (this.#tunnel === null) super.end(trailerBlock)
    else this.#tunnel.end()
  }

  override abort(): void {
    if (this.#tunnel === null) super.abort()
    else this.#tunnel.abort()
  }

  override pauseBody(): void {
    if (this.#tunnel === null) super.pauseBody()
    else this.#tunnel.pause()
  }

  override resumeBody(): void {
    if (this.#tunnel === null) super.resumeBody()
    else this.#tunnel.resume()
  }
}
