import type { Socket } from 'node:net'
import type { GatewayError } from '../session/errors.js'
import type { RequestHeader } from '../session/message-headers.js'
import { requestBlock } from '../session/wire-block.js'
import { now } from '../time/index.js'
import type { BodyFraming, ResponseHead, UpstreamExchange, UpstreamHandler } from '../upstream/http1/index.js'
import type { PeerSet, Upstream, UpstreamPeer } from '../upstream/index.js'
import type { MirrorCopy } from './mirror.js'
import type { RequestBody } from './request-body.js'
import type { BodySink } from './request-body-types.js'
import type { ResponseSource } from './response-pipe-types.js'

/** What an attempt tells its session. Nothing comes after `onAttemptError` or `abort`. */
export interface AttemptOwner {
  onAttemptConnected(attempt: Attempt, reused: boolean, atMs: number): void
  onAttemptRequestSent(attempt: Attempt, atMs: number): void
  onAttemptInformational(status: number, headerBlock: string): void
  onAttemptHead(attempt: Attempt, head: ResponseHead, atMs: number): void
  onAttemptBody(chunk: Uint8Array): void
  onAttemptEnd(attempt: Attempt, trailerBlock: string, atMs: number): void
  /** A 101 has come: the connection is the owner's, as of `UpstreamHandler.onUpgrade`. Last event. */
  onAttemptUpgrade(attempt: Attempt, head: ResponseHead, socket: Socket, firstBytes: Uint8Array): void
  onAttemptError(attempt: Attempt, error: GatewayError): void
}

/** Largest body of an answer that nobody wants which is read past for the sake of its connection, and in how many pieces at most. */
const DISCARD_BYTES = 16 * 1024
const DISCARD_PIECES = 16

/** One try at one peer, which has been taken for it and is given back at its end, with what became of it. */
export class Attempt implements UpstreamHandler, ResponseSource {
  readonly peer: UpstreamPeer
  /** It is the one probe of a peer that is ejected. */
  readonly isProbe: boolean
  /** This try insists on a fresh connection, after a pooled one was found dead. */
  readonly fresh: boolean
  /** The Date of its answer is wanted. */
  keepsDate = false
  #owner: AttemptOwner
  readonly #peers: PeerSet
  readonly #body: RequestBody
  readonly #copy: MirrorCopy | null
  #exchange: UpstreamExchange | null = null
  #counts: Upstream['counts']
  #head: RequestHeader | null = null
  #streams = false
  #connected = false
  #answered = false
  #over = false
  #sent = false
  #connectedMs = 0
  #status = 0
  #discardedPieces = 0
  #discardedBytes = 0

  /** @param copy sees the body as it is sent */
  constructor(
    owner: AttemptOwner,
    peers: PeerSet,
    peer: UpstreamPeer,
    isProbe: boolean,
    body: RequestBody,
    fresh: boolean,
    copy: MirrorCopy | null = null,
  ) {
    this.#copy = copy
    this.#owner = owner
    this.#peers = peers
    this.peer = peer
    this.isProbe = isProbe
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

  /** From now on another is told what becomes of it. */
  handOver(owner: AttemptOwner): void {
    this.#owner = owner
  }

  /** A final response head has arrived. */
  get answered(): boolean {
    return this.#answered
  }

  /** The connection came from the pool, so it may have been dead before the request was written. */
  get reused(): boolean {
    return this.#exchange?.reused ?? false
  }

  /** A pooled connection that the upstream had closed already (A11): the same peer deserves a fresh one. */
  lostRace(error: GatewayError): boolean {
    return error.code === 'HG_UPSTREAM_CLOSED' && this.reused && !this.fresh && !this.#answered
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
    this.#counts = upstream.counts
    this.#streams = bodyBytes === null && framing.kind !== 'none'
    const request = {
      method: head.method,
      target: head.target,
      headerBlock: requestBlock(head.headers),
      body: framing,
      fresh: this.fresh,
    }
    const plain = bodyBytes === null ? request : { ...request, bodyBytes }
    const offered = upgrade === '' ? plain : { ...plain, upgrade }
    const whole = this.keepsDate ? { ...offered, keepsDate: true } : offered
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
    this.#finish()
    if (!this.#answered) this.#peers.abandoned(this.peer, this.isProbe)
    this.#exchange?.abort()
  }

  /** The answer is not wanted. A short one is read past, so that its connection serves on; nothing is told of it. */
  discard({ hasBody, contentLength }: ResponseHead): void {
    if (this.#over) return
    this.#finish()
    const isLong = hasBody && contentLength !== null && contentLength > DISCARD_BYTES
    if (isLong || (this.#streams && !this.#sent)) this.#exchange?.abort()
  }

  onConnected(reused: boolean, atMs: number): void {
    this.#connected = true
    this.#connectedMs = atMs
    this.#owner.onAttemptConnected(this, reused, atMs)
    // Not before there is a connection: what was not sent can still go to another peer.
    if (this.#streams && !this.#over && this.#exchange !== null) this.#body.attach(this.#sink(this.#exchange))
  }

  #sink(exchange: UpstreamExchange): BodySink {
    const copy = this.#copy
    if (copy === null) return exchange
    return {
      write(chunk) {
        copy.write(chunk)
        return exchange.write(chunk)
      },
      end() {
        exchange.end()
        copy.end()
      },
    }
  }

  onRequestSent(atMs: number): void {
    if (this.#over) return
    this.#sent = true
    this.#owner.onAttemptRequestSent(this, atMs)
  }

  onInformational(status: number, headerBlock: string): void {
    // The acceptor has already answered `Expect`, which is not forwarded: a 100 is of no use to the client.
    if (status !== 100) this.#owner.onAttemptInformational(status, headerBlock)
  }

  onHead(head: ResponseHead, atMs: number): void {
    this.#answered = true
    this.#status = head.status
    this.#counts?.answered(head.status)
    this.#owner.onAttemptHead(this, head, atMs)
  }

  onBody(chunk: Uint8Array): void {
    if (this.#over) {
      this.#discardedPieces += 1
      this.#discardedBytes += chunk.length
      if (this.#discardedPieces > DISCARD_PIECES || this.#discardedBytes > DISCARD_BYTES)
        this.#exchange?.abort()
      return
    }
    this.#owner.onAttemptBody(chunk)
  }

  onEnd(trailerBlock: string, atMs: number): void {
    if (this.#over) return
    this.#finish()
    this.#counts?.ended(this.method, this.#status, atMs - this.#connectedMs)
    this.#owner.onAttemptEnd(this, trailerBlock, atMs)
  }

  onUpgrade(head: ResponseHead, socket: Socket, firstBytes: Uint8Array): void {
    this.#answered = true
    this.#counts?.answered(head.status)
    this.#over = true
    this.#body.detach()
    // The session goes on at this peer for as long as the tunnel lasts.
    socket.once('close', () => this.#peers.release(this.peer))
    this.#owner.onAttemptUpgrade(this, head, socket, firstBytes)
  }

  onError(error: GatewayError): void {
    if (this.#over) return
    this.#finish()
    this.#counts?.failed(error.reason)
    if (this.#connected) this.#counts?.ended(this.method, 0, now() - this.#connectedMs)
    if (!this.#answered) this.#reportFailure(error)
    this.#owner.onAttemptError(this, error)
  }

  onDrain(): void {
    if (!this.#over) this.#body.onDrain()
  }

  #finish(): void {
    this.#over = true
    this.#body.detach()
    this.#peers.release(this.peer)
  }

  /** No answer has come: is it the peer's fault? */
  #reportFailure(error: GatewayError): void {
    if (error.source !== 'upstream' || this.lostRace(error)) this.#peers.abandoned(this.peer, this.isProbe)
    else {
      const kind = this.#connected ? 'gatewayErrors' : 'connectFailures'
      this.#peers.failed(this.peer, kind, this.isProbe)
    }
  }
}
