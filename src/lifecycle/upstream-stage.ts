import type { Socket } from 'node:net'
import { type GatewayError, NoPeerAvailable } from '../session/errors.js'
import type { RequestHeader } from '../session/message-headers.js'
import type { Peer } from '../session/session.js'
import { beginNextAttempt } from '../session/timing.js'
import { now } from '../time/index.js'
import type { ResponseHead } from '../upstream/http1/index.js'
import { handleRetry, isIdempotent, mayRetry, type UpstreamPeer } from '../upstream/index.js'
import { Attempt, type AttemptOwner } from './attempt.js'
import type { ClientPort } from './client-port.js'
import { asGatewayError, type PhaseRunner } from './phase-runner.js'
import type { RequestBody } from './request-body.js'
import type { ResponseStage } from './response-stage.js'
import { isPromise } from './run-hooks.js'
import type { Tunnel } from './tunnel.js'
import { UpgradeStage, type UpgradeStageOwner } from './upgrade-stage.js'

export type UpstreamStageOwner = UpgradeStageOwner

const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** Phases 4 and 5 of a session and the retry loop around them: one attempt after the other, each at another peer. */
export class UpstreamStage implements AttemptOwner {
  readonly #phases: PhaseRunner
  readonly #body: RequestBody
  readonly #response: ResponseStage
  readonly #port: ClientPort
  readonly #owner: UpstreamStageOwner
  readonly #upgrade: UpgradeStage
  #tried: Set<Peer> | null = null
  #attempt: Attempt | null = null

  constructor(
    phases: PhaseRunner,
    body: RequestBody,
    response: ResponseStage,
    port: ClientPort,
    owner: UpstreamStageOwner,
    upgrade: string,
  ) {
    this.#phases = phases
    this.#body = body
    this.#response = response
    this.#port = port
    this.#owner = owner
    this.#upgrade = new UpgradeStage(phases, response, port, owner, upgrade)
  }

  /** The connection behind a 101, null as long as there is none. */
  get tunnel(): Tunnel | null {
    return this.#upgrade.tunnel
  }

  /** Starts the first attempt. */
  begin(): void {
    this.#choose()
  }

  /** Drops whatever is under way. */
  abort(): void {
    this.#attempt?.abort()
    this.#upgrade.tunnel?.close()
  }

  /** A filter wants the answer thrown away and another peer tried; false if that is not possible. */
  retry(error: GatewayError): boolean {
    const attempt = this.#attempt
    if (attempt === null || this.#response.headSent || !this.#body.replayable) return false
    this.abort()
    return this.#tryAnother(attempt, error)
  }

  onAttemptConnected(attempt: Attempt, reused: boolean): void {
    const { session, chain } = this.#phases
    session.timing.upstreamConnect = now()
    try {
      this.#phases.call(chain.connectedToUpstream, 'connectedToUpstream', (filter, ctx) =>
        filter.connectedToUpstream?.(session, { peer: attempt.peer, reused }, ctx),
      )
    } catch (error) {
      this.#owner.fail(asGatewayError(error))
    }
  }

  onAttemptRequestSent(): void {
    const { session } = this.#phases
    session.requestSent = true
    // Behind an early answer it has its time already.
    session.timing.upstreamRequestSent ??= now()
  }

  onAttemptInformational(status: number, headerBlock: string): void {
    this.#port.informational(status, headerBlock)
  }

  onAttemptHead(attempt: Attempt, head: ResponseHead): void {
    const { timing } = this.#phases.session
    timing.upstreamResponseStart = now()
    // An early answer: the request is as good as sent, for the order of the timestamps.
    timing.upstreamRequestSent ??= timing.upstreamResponseStart
    this.#response.begin(head, attempt)
  }

  onAttemptBody(chunk: Uint8Array): void {
    this.#response.chunk(chunk)
  }

  onAttemptEnd(_attempt: Attempt, trailerBlock: string): void {
    this.#phases.session.timing.upstreamResponseEnd = now()
    this.#response.end(trailerBlock)
  }

  onAttemptUpgrade(attempt: Attempt, head: ResponseHead, socket: Socket, firstBytes: Uint8Array): void {
    this.#phases.session.timing.upstreamResponseStart = now()
    this.#upgrade.begin(attempt.head, head, socket, firstBytes)
  }

  onAttemptError(attempt: Attempt, error: GatewayError): void {
    if (this.#response.headSent) {
      this.#owner.fail(error)
      return
    }
    const decision = this.#phases.decide(attempt.connected ? 'errorWhileProxy' : 'failToConnect', error)
    const { method } = attempt
    // A pooled connection that the upstream had closed already (A11): the same peer deserves a fresh one.
    const lostRace =
      error.code === 'HG_UPSTREAM_CLOSED' && attempt.reused && !attempt.fresh && !attempt.answered
    const allowed = mayRetry(decision, method, this.#body.replayable)
    if (allowed && lostRace && isIdempotent(method)) {
      this.#prepareNext()
      this.#send(attempt.peer, true)
    } else if (!allowed || !this.#tryAnother(attempt, error)) this.#owner.fail(error)
  }

  /** @returns false when no other peer is left or may be tried; then nothing has happened, unless the limit was passed. */
  #tryAnother(failed: Attempt, error: GatewayError): boolean {
    const { session, route } = this.#phases
    const { max } = route.upstream.config.retries
    if (max === 0) return false
    this.#tried ??= new Set()
    this.#tried.add(failed.peer)
    const { peers } = route.upstream
    if (peers.peers.every((peer) => this.#tried?.has(peer))) return false
    try {
      handleRetry(session, max, error)
    } catch (limit) {
      this.#owner.fail(asGatewayError(limit))
      return true
    }
    this.#prepareNext()
    this.#choose()
    return true
  }

  #prepareNext(): void {
    const { session } = this.#phases
    this.#phases.supersede()
    this.#response.drop()
    beginNextAttempt(session.timing)
    session.requestSent = false
    session.responseReceived = false
    session.downstreamResponse = null
    session.upstreamPeer = null
  }

  /** Phase 4. */
  #choose(): void {
    const { route, session, chain } = this.#phases
    const { peers } = route.upstream
    let chosen: UpstreamPeer | null = null
    this.#phases.run(
      chain.upstreamPeer,
      'upstreamPeer',
      (filter, current, ctx) => {
        if (chosen !== null) return undefined
        const candidates = peers.peers.filter((peer) => this.#tried === null || !this.#tried.has(peer))
        const wanted = filter.upstreamPeer?.(current, candidates, ctx)
        const take = (peer: Peer | null | undefined): undefined => {
          const found = peer === null || peer === undefined ? null : peers.find(peer)
          // The failed one is not tried again, whoever asks for it.
          if (found !== null && candidates.includes(found)) chosen = found
        }
        return isPromise(wanted) ? wanted.then((peer) => take(peer ?? null)) : take(wanted ?? null)
      },
      () => {
        const peer = chosen ?? peers.select(this.#tried)
        if (peer === null) {
          this.#owner.fail(new NoPeerAvailable(route.upstream.config.name))
          return
        }
        session.upstreamPeer = peer
        this.#send(peer, false)
      },
    )
  }

  /** Phase 5. */
  #send(peer: UpstreamPeer, fresh: boolean): void {
    const { session, chain } = this.#phases
    session.upstreamPeer = peer
    const request = session.downstreamRequest
    if (request === null) {
      this.#owner.fail(asGatewayError(new Error('a filter has removed the request')))
      return
    }
    const { upstreamRequestFilter } = chain
    if (upstreamRequestFilter.length === 0) {
      this.#connect(peer, request, fresh)
      return
    }
    const copy = request.clone()
    this.#phases.run(
      upstreamRequestFilter,
      'upstreamRequestFilter',
      (filter, current, ctx) => filter.upstreamRequestFilter?.(current, copy, ctx),
      () => this.#connect(peer, copy, fresh),
    )
  }

  #connect(peer: UpstreamPeer, head: RequestHeader, fresh: boolean): void {
    const attempt = new Attempt(this, peer, this.#body, fresh)
    this.#attempt = attempt
    const whole = this.#wholeBody()
    const { transform } = this.#body
    try {
      if (whole === null) this.#start(attempt, head, null)
      else if (transform === null) this.#start(attempt, head, whole)
      else {
        const bytes = transform(whole, true)
        if (bytes instanceof Uint8Array) this.#start(attempt, head, bytes)
        else this.#startLater(attempt, head, bytes)
      }
    } catch (error) {
      attempt.abort()
      this.#owner.fail(asGatewayError(error))
    }
  }

  #startLater(attempt: Attempt, head: RequestHeader, body: Promise<Uint8Array>): void {
    const alive = this.#phases.liveness()
    body
      .then((bytes) => {
        if (alive()) this.#start(attempt, head, bytes)
      })
      .catch((error: unknown) => {
        if (alive()) this.#owner.fail(asGatewayError(error))
      })
  }

  /** The request body if it is all there, or was set by a filter; null if there is none or it streams. */
  #wholeBody(): Uint8Array | null {
    const { requestBody } = this.#phases.session
    if (this.#body.gathered) return requestBody ?? this.#body.whole()
    if (requestBody !== null) this.#body.drain()
    return requestBody
  }

  /** @param whole null: the body streams, or there is none */
  #start(attempt: Attempt, head: RequestHeader, whole: Uint8Array | null): void {
    const { upstream } = this.#phases.route
    if (whole === null) {
      const { framing } = this.#body
      attempt.start(upstream, head, null, framing, this.#upgrade.offer(head.method, framing))
    } else if (whole.length === 0 && BODILESS.has(head.method))
      attempt.start(upstream, head, null, { kind: 'none' })
    else attempt.start(upstream, head, whole, { kind: 'length', length: whole.length })
  }
}
