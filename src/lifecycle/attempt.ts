import type { Socket } from 'node:net'
import type { GatewayError } from '../session/errors.js'
import type { RequestHeader } from '../session/message-headers.js'
import { requestBlock } from '../session/wire-block.js'
import type { BodyFraming, ResponseHead, UpstreamExchange, UpstreamHandler } from '../upstream/http1/index.js'
import type { Upstream, UpstreamPeer } from '../upstream/index.js'
import type { RequestBody } from './request-body.js'
import type { ResponseSource } from './response-pipe-types.js'

/** What an attempt tells its session. Nothing comes after `onAttemptError` or `abort`. */
export interface AttemptOwner {
  onAttemptConnected(attempt: Attempt, reused: boolean): void
  onAttemptRequestSent(attempt: Attempt): void
  onAttemptInformational(status: number, headerBlock: string): void
  onAttemptHead(attempt: Attempt, head: ResponseHead): void
  onAttemptBody(chunk: Uint8Array): void
  onAttemptEnd(attempt: Attempt, trailerBlock: string): void
  /** A 101 has come: the connection is the owner's, as of `UpstreamHandler.onUpgrade`. Last event. */
  onAttemptUpgrade(attempt: Attempt, head: ResponseHead, socket: Socket, firstBytes: Uint8Array): void
  onAttemptError(attempt: Attempt, error: GatewayError): void
}

/** One try at one peer. */
export class Attempt implements UpstreamHandler, ResponseSource {
  readonly peer: UpstreamPeer
  /** This try insists on a fresh connection, after a pooled one was found dead. */
  readonly fresh: boolean
  readonly #owner: AttemptOwner
  readonly #body: RequestBody
  #exchange: UpstreamExchange | null = null
  #head: RequestHeader | null = null
  #streams = false
  #connected = false
  #answered = false
  #over = false

  constructor(owner: AttemptOwner, peer: UpstreamPeer, body: RequestBody, fresh: boolean) {
    this.#owner = owner
    this.peer = peer
    this.#body = body
    this.fresh = fresh
  }

  /** As it was sent; null before that. */
  get head(): RequestHeader | null {
    return this.#head
  }

  /** As it was sent, which decides about repeating it. */
  get method(): string {
    return this.#head?.method ?? ''
  }

  /** A connection was made or taken. */
  get connected(): boolean {
    return this.#connected
  }

  /** A final response head has arrived. */
  get answered(): boolean {
    return this.#answered
  }

  /** The connection came from the pool, so it may have been dead before the request was written. */
  get reused(): boolean {
    return this.#exchange?.reused ?? false
  }

  /**
   * @param upgrade protocols to offer, only for a GET without a body; '' = none
   * @throws InvalidHeader if a filter has left a head that must not be sent
   */
  start(
    upstream: Upstream,
    head: RequestHeader,
    bodyBytes: Uint8Array | null,
    framing: BodyFraming,
    upgrade = '',
  ): void {
    this.#head = head
    this.#streams = bodyBytes === null && framing.kind !== 'none'
    const request = {
      method: head.method,
      target: head.target,
      headerBlock: requestBlock(head.headers),
      body: framing,
      fresh: this.fresh,
    }
    const plain = bodyBytes === null ? request : { ...request, bodyBytes }
    const whole = upgrade === '' ? plain : { ...plain, upgrade }
    this.#exchange = upstream.connector.request(this.peer.target, whole, this, upstream.config.timeouts)
  }

  pause(): void {
    this.#exchange?.pause()
  }

  resume(): void {
    this.#exchange?.resume()
  }

  /** Drops the connection unless the exchange is over. */
  abort(): void {
    if (this.#over) return
    this.#over = true
    this.#body.detach()
    this.#exchange?.abort()
  }

  onConnected(reused: boolean): void {
    this.#connected = true
    this.#owner.onAttemptConnected(this, reused)
    // Not before there is a connection: what was not sent can still go to another peer.
    if (this.#streams && !this.#over && this.#exchange !== null) this.#body.attach(this.#exchange)
  }

  onRequestSent(): void {
    this.#owner.onAttemptRequestSent(this)
  }

  onInformational(status: number, headerBlock: string): void {
    // The acceptor has already answered `Expect`, which is not forwarded: a 100 is of no use to the client.
    if (status !== 100) this.#owner.onAttemptInformational(status, headerBlock)
  }

  onHead(head: ResponseHead): void {
    this.#answered = true
    this.#owner.onAttemptHead(this, head)
  }

  onBody(chunk: Uint8Array): void {
    this.#owner.onAttemptBody(chunk)
  }

  onEnd(trailerBlock: string): void {
    this.#over = true
    this.#body.detach()
    this.#owner.onAttemptEnd(this, trailerBlock)
  }

  onUpgrade(head: ResponseHead, socket: Socket, firstBytes: Uint8Array): void {
    this.#answered = true
    this.#over = true
    this.#owner.onAttemptUpgrade(this, head, socket, firstBytes)
  }

  onError(error: GatewayError): void {
    this.#over = true
    this.#body.detach()
    this.#owner.onAttemptError(this, error)
  }

  onDrain(): void {
    this.#body.onDrain()
  }
}
