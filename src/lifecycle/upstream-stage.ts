import type { Socket } from 'node:net'
import type { GatewayError } from '../session/errors.js'
import type { RequestHeader } from '../session/message-headers.js'
import type { Peer } from '../session/session.js'
import { beginNextAttempt } from '../session/timing.js'
import { now } from '../time/index.js'
import type { ResponseHead } from '../upstream/http1/index.js'
import { handleRetry, isIdempotent, mayRetry, type UpstreamPeer } from '../upstream/index.js'
import { Attempt, type AttemptOwner } from './attempt.js'
import type { ClientPort } from './client-port.js'
import type { MirrorCopy } from './mirror.js'
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
  /** A peer that was taken for an attempt that has not begun, and whether it is to be a probe. */
  #held: UpstreamPeer | null = null
  #isProbe = false
  /** The copy for the route's mirror; undefined: not decided yet. */
  #copy: MirrorCopy | null | undefined

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
    const held = this.#held
    if (held === null) return
    this.#held = null
    const { peers } = this.#phases.route.upstream
    peers.release(held)
    peers.abandoned(held, this.#isProbe)
  }

  /** A filter wants the answer thrown away and another peer tried; false if that is not possible. */
  retry(error: GatewayError): boolean {
    const attempt = this.#attempt
    if (attempt === null || this.#response.headSent || !this.#body.replayable) return false
    this.abort()
    return this.#tryAnother(attempt, error)
  }

  onAttemptConnected(attempt: Attempt, reused: boolean, atMs: number): void {
    const { session, chain } = this.#phases
    session.timing.upstreamConnect = atMs
    try {
      this.#phases.call(chain.connectedToUpstream, 'connectedToUpstream', (filter, ctx) =>
        filter.connectedToUpstream?.(session, { peer: attempt.peer, reused }, ctx),
      )
    } catch (error) {
      this.#owner.fail(asGatewayError(error))
    }
  }

  onAttemptRequestSent(_attempt: Attempt, atMs: number): void {
    const { session } = this.#phases
    session.requestSent = true
    // Behind an early answer it has its time already.
    session.timing.upstreamRequestSent ??= atMs
  }

  onAttemptInformational(status: number, headerBlock: string): void {
    this.#port.informational(status, headerBlock)
  }

  onAttemptHead(attempt: Attempt, head: ResponseHead, atMs: number): void {
    const { session, route } = this.#phases
    const { timing } = session
    timing.upstreamResponseStart = atMs
    // An early answer: the request is as good as sent, for the order of the timestamps.
    timing.upstreamRequestSent ??= atMs
    const { upstreamRequestSent } = timing
    route.upstream.peers.answered(attempt.peer, head.status, attempt.isProbe, upstreamRequestSent, atMs)
    this.#response.begin(head, attempt)
  }

  onAttemptBody(chunk: Uint8Array): void {
    this.#response.chunk(chunk)
  }

  onAttemptEnd(_attempt: Attempt, trailerBlock: string, atMs: number): void {
    this.#phases.session.timing.upstreamResponseEnd = atMs
    this.#response.end(trailerBlock)
  }

  onAttemptUpgrade(attempt: Attempt, head: ResponseHead, socket: Socket, firstBytes: Uint8Array): void {
    const { session, route } = this.#phases
    const { timing } = session
    const nowMs = now()
    timing.upstreamResponseStart = nowMs
    const sentMs = timing.upstreamRequestSent ?? nowMs
    route.upstream.peers.answered(attempt.peer, head.status, attempt.isProbe, sentMs, nowMs)
    this.#upgrade.begin(attempt.head, head, socket, firstBytes)
  }

  onAttemptError(attempt: Attempt, error: GatewayError): void {
    if (this.#response.headSent) {
      this.#owner.fail(error)
      return
    }
    const decision = this.#phases.decide(attempt.connected ? 'errorWhileProxy' : 'failToConnect', error)
    const { method, peer } = attempt
    const { peers } = this.#phases.route.upstream
    const allowed = mayRetry(decision, method, this.#body.replayable)
    if (allowed && attempt.lostRace(error) && isIdempotent(method) && peers.take(peer)) {
      this.#prepareNext()
      this.#hold(peer)
      this.#send(peer, true)
    } else if (!allowed || !this.#tryAnother(attempt, error)) this.#owner.fail(error)
  }

  /** @returns false when no other peer is left or may be tried; then nothing has happened, unless the limit was passed. */
  #tryAnother(failed: Attempt, error: GatewayError): boolean {
    const { session, route, chain } = this.#phases
    const { max } = route.upstream.config.retries
    if (max === 0) return false
    this.#tried ??= new Set()
    this.#tried.add(failed.peer)
    const { peers } = route.upstream
    // A filter may choose one whose health keeps it from being chosen otherwise.
    const isChosen = chain.upstreamPeer.length > 0
    if (!(isChosen ? peers.peers.some((peer) => !this.#tried?.has(peer)) : peers.hasUsable(this.#tried)))
      return false
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
          // The failed one is not tried again, whoever asks for it.
          if (peer !== null && peer !== undefined) chosen = peers.find(peer, candidates)
        }
        return isPromise(wanted) ? wanted.then((peer) => take(peer ?? null)) : take(wanted ?? null)
      },
      () => {
        const peer = chosen !== null && peers.take(chosen) ? chosen : peers.select(this.#tried, session)
        if (peer === null) {
          this.#owner.fail(peers.refusal(route.upstream.config.name, this.#tried))
          return
        }
        this.#hold(peer)
        this.#send(peer, false)
      },
    )
  }

  /** The peer was taken just now. */
  #hold(peer: UpstreamPeer): void {
    this.#held = peer
    this.#isProbe = this.#phases.route.upstream.peers.probing
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
    const { outbound } = this.#phases.route
    const changed = outbound === undefined ? request : outbound.apply(request, peer)
    if (upstreamRequestFilter.length === 0) {
      this.#connect(peer, changed, fresh)
      return
    }
    const copy = changed === request ? request.clone() : changed
    this.#phases.run(
      upstreamRequestFilter,
      'upstreamRequestFilter',
      (filter, current, ctx) => filter.upstreamRequestFilter?.(current, copy, ctx),
      () => this.#connect(peer, copy, fresh),
    )
  }

  #connect(peer: UpstreamPeer, head: RequestHeader, fresh: boolean): void {
    if (this.#copy === undefined) this.#copy = this.#phases.route.mirror?.sample() ?? null
    const { peers } = this.#phases.route.upstream
    const attempt = new Attempt(this, peers, peer, this.#isProbe, this.#body, fresh, this.#copy)
    this.#attempt = attempt
    this.#held = null
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
    let framing = this.#body.framing
    let bytes = whole
    if (whole !== null && whole.length === 0 && BODILESS.has(head.method)) {
      bytes = null
      framing = { kind: 'none' }
    } else if (whole !== null) framing = { kind: 'length', length: whole.length }
    const upgrade = bytes === null ? this.#upgrade.offer(head.method, framing) : ''
    attempt.start(upstream, head, bytes, framing, upgrade)
    this.#copy?.begin(head, bytes, framing)
  }
}
