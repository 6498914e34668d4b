import type { ConnectionWatch } from './connection-watch.js'
import type { Exchange } from './exchange.js'
import type { ReaderSink } from './response-reader.js'
import type { ResponseHead } from './types.js'

/**
 * Tells the caller of an exchange what the reader finds of its response. One serves all exchanges of a connection, one
 * after the other.
 */
export class ResponseDelivery implements ReaderSink {
  /** The one under way; null: the connection is idle, or has ended. */
  exchange: Exchange | null
  /** The final head of its response has come. */
  headSeen = false
  /** When the bytes that are being looked at were read. */
  readAtMs = 0
  /** Of a 101. */
  upgradeHead: ResponseHead | null = null
  readonly #watch: ConnectionWatch

  constructor(exchange: Exchange, watch: ConnectionWatch) {
    this.exchange = exchange
    this.#watch = watch
  }

  onReaderInformational(status: number, headerBlock: string): void {
    this.exchange?.handler.onInformational?.(status, headerBlock)
  }

  onReaderHead(head: ResponseHead): void {
    const exchange = this.exchange
    if (exchange === null) return
    this.headSeen = true
    if (head.status === 101) {
      this.upgradeHead = head
      return
    }
    // An upstream that answers 2xx while it reads is streaming both ways; anything else wants no more (RFC 9112 §9.5).
    if (!exchange.requestComplete && head.status >= 300) exchange.muted = true
    this.#watch.arm('body', exchange.timeouts.idleMs, exchange.paused)
    exchange.handler.onHead(head, this.readAtMs)
    if (exchange.muted && exchange.awaitsDrain && !exchange.ended) {
      exchange.awaitsDrain = false
      exchange.handler.onDrain()
    }
  }

  onReaderBody(chunk: Uint8Array): void {
    this.exchange?.handler.onBody(chunk)
  }
}
