import type { Socket } from 'node:net'
import type { GatewayError } from '../session/errors.js'
import type { RequestHeader } from '../session/message-headers.js'
import type { Peer } from '../session/session.js'
import { now } from '../time/index.js'
import type { ResponseHead } from '../upstream/http1/index.js'
import { isIdempotent, mayRetry, type UpstreamPeer } from '../upstream/index.js'
import type { AnswerTaker } from './answer-taker.js'
import { Attempt, type AttemptOwner } from './attempt.js'
import { choosePeer } from './choose-peer.js'
import type { ClientPort } from './client-port.js'
import { type LaunchEnv, launchAttempt } from './launch-attempt.js'
import type { MirrorCopy } from './mirror.js'
import { outboundRequest } from './outbound-request.js'
import { Passage } from './passage.js'
import { asGatewayError, type PhaseRunner } from './phase-runner.js'
import { prepareNextAttempt } from './prepare-next-attempt.js'
import type { RequestBody } from './request-body.js'
import type { ResponseStage } from './response-stage.js'
import { RetryLoop } from './retry-loop.js'
import { retryRefused, statusRefused } from './session-errors.js'
import type { ClientTunnel } from './tunnel.js'
import { UpgradeStage, type UpgradeStageOwner, type UpgradeWish } from './upgrade-stage.js'

/** Phases 4 and 5 of a session and the retry loop around them: one attempt after the other, each at another peer. */
export class UpstreamStage implements AttemptOwner {
  readonly #phases: PhaseRunner
  readonly #body: RequestBody
  readonly #response: ResponseStage
  readonly #port: ClientPort
  readonly #owner: UpgradeStageOwner
  readonly #upgrade: UpgradeStage
  readonly #launch: LaunchEnv
  /** Looks at requests and answers on their way; null: the route has no cache. */
  cache: AnswerTaker | null = null
  #attempt: Attempt | null = null
  /** Past what bounds the upstream; null where nothing does. */
  #passage: Passage | null = null
  /** Null: no attempt has failed yet. */
  #retries: RetryLoop | null = null
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
    owner: UpgradeStageOwner,
    wish: UpgradeWish,
  ) {
    this.#phases = phases
    this.#body = body
    this.#response = response
    this.#port = port
    this.#owner = owner
    this.#upgrade = new UpgradeStage(phases, response, port, owner, wish)
    this.#launch = { phases, body, upgrade: this.#upgrade, owner }
  }

  /** The connection behind a 101, null as long as there is none. */
  get tunnel(): ClientTunnel | null {
    return this.#upgrade.tunnel
  }

  /** Peers whose attempts have failed. */
  get #tried(): ReadonlySet<Peer> | null {
    return this.#retries?.tried ?? null
  }

  /** Starts the first attempt. */
  begin(): void {
    const { upstream } = this.#phases.route
    const { guard } = upstream
    guard.retries.sessionBegins()
    if (guard.limit !== null || guard.breaker !== null) this.#passage = new Passage(upstream)
    this.#choose()
  }

  /** Drops whatever is under way. */
  abort(): void {
    this.#attempt?.abort()
    this.#passage?.leave()
    this.#retries?.stop()
    this.#upgrade.tunnel?.close()
    const held = this.#held
    if (held === null) return
    this.#held = null
    const { peers } = this.#phases.route.upstream
    peers.release(held)
    peers.abandoned(held, this.#isProbe)
  }

  /** A filter wants the answer thrown away and another peer tried. Where that is not possible the session fails. */
  retry(): void {
    const attempt = this.#attempt
    const error = retryRefused()
    if (attempt !== null && !this.#isLast && this.#body.replayable) {
      this.abort()
      if (this.#tryAnother(attempt, error)) return
    }
    this.#owner.fail(error)
  }

  /** The attempt that is under way is another's from now on: it outlives the session. */
  handOver(owner: AttemptOwner): void {
    this.#attempt?.handOver(owner)
    this.#attempt = null
  }

  /** Asks once more, after an answer that said nothing. */
  repeat(): void {
    prepareNextAttempt(this.#phases, this.#response)
    this.#choose()
  }

  onAttemptConnected(attempt: Attempt, reused: boolean, atMs: number): void {
    const { session, chain } = this.#phases
    session.timing.upstreamConnect = atMs
    this.#phases.trail.reused = reused
    if (chain.connectedToUpstream.length === 0) return
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
    this.#phases.trail.answered(head.status)
    // An early answer: the request is as good as sent, for the order of the timestamps.
    timing.upstreamRequestSent ??= atMs
    const { upstreamRequestSent } = timing
    route.upstream.peers.answered(attempt.peer, head.status, attempt.isProbe, upstreamRequestSent, atMs)
    this.#passage?.answered(head.status, atMs - upstreamRequestSent)
    if (!this.#refuses(attempt, head)) (this.cache ?? this.#response).begin(head, attempt)
  }

  onAttemptBody(chunk: Uint8Array): void {
    ;(this.cache ?? this.#response).chunk(chunk)
  }

  onAttemptEnd(_attempt: Attempt, trailerBlock: string, atMs: number): void {
    this.#phases.session.timing.upstreamResponseEnd = atMs
    this.#phases.trail.trace?.endAttempt(atMs)
    ;(this.cache ?? this.#response).end(trailerBlock)
  }

  onAttemptUpgrade(attempt: Attempt, head: ResponseHead, socket: Socket, firstBytes: Uint8Array): void {
    const { session, route } = this.#phases
    const { timing } = session
    const nowMs = now()
    timing.upstreamResponseStart = nowMs
    this.#phases.trail.answered(head.status)
    this.#phases.trail.trace?.endAttempt(nowMs)
    const sentMs = timing.upstreamRequestSent ?? nowMs
    route.upstream.peers.answered(attempt.peer, head.status, attempt.isProbe, sentMs, nowMs)
    this.#passage?.answered(head.status, nowMs - sentMs)
    this.#upgrade.begin(attempt.head, head, socket, firstBytes)
  }

  onAttemptError(attempt: Attempt, error: GatewayError): void {
    this.#phases.trail.trace?.endAttempt(now(), error.reason)
    if (this.#isLast) {
      this.#owner.fail(error)
      return
    }
    const decision = this.#phases.decide(attempt.connected ? 'errorWhileProxy' : 'failToConnect', error)
    const { method } = attempt
    const allowed = mayRetry(decision, method, this.#body.replayable)
    this.#passage?.failed(attempt, error)
    if (allowed && attempt.lostRace(error) && isIdempotent(method) && this.#tryAgain(attempt.peer)) return
    if (!allowed || !this.#tryAnother(attempt, error)) this.#owner.fail(error)
  }

  /** Nothing can take the place of what has come so far. */
  get #isLast(): boolean {
    return this.#response.headSent || this.cache?.isResumption === true
  }

  /** The same peer over a fresh connection. @returns false when it has no room */
  #tryAgain(peer: UpstreamPeer): boolean {
    const isTaken = this.#phases.route.upstream.peers.take(peer)
    if (!isTaken && this.#wait(peer, true) !== true) return false
    prepareNextAttempt(this.#phases, this.#response)
    if (!isTaken) return true
    this.#hold(peer)
    this.#send(peer, true)
    return true
  }

  /** Throws an answer away for its status, nothing of which has gone to the client, if another peer can be asked. */
  #refuses(attempt: Attempt, head: ResponseHead): boolean {
    const { session, route } = this.#phases
    const { retries } = route.upstream.guard
    if (this.#isLast || !retries.wantsOther(head.status, session.retryCount)) return false
    if (!isIdempotent(attempt.method) || !this.#body.replayable) return false
    return this.#tryAnother(attempt, statusRefused(head.status), head)
  }

  /** @param answer of the failed attempt, which is still coming. @returns as {@link RetryLoop.tryAnother} */
  #tryAnother(failed: Attempt, error: GatewayError, answer: ResponseHead | null = null): boolean {
    if (this.#phases.route.upstream.config.retries.max === 0) return false
    this.#retries ??= new RetryLoop(this.#phases, this.#response, this.#owner, () => this.#choose())
    return this.#retries.tryAnother(failed, error, this.#passage, answer)
  }

  /** Phase 4. */
  #choose(): void {
    choosePeer(this.#phases, this.#tried, (chosen) => this.#pick(chosen, false))
  }

  /** @param fresh over a connection of its own, and to no other than the chosen one */
  #pick(chosen: UpstreamPeer | null, fresh: boolean): void {
    const { route, session } = this.#phases
    const refused = this.#passage?.enter() ?? null
    if (refused !== null) {
      this.#owner.fail(refused)
      return
    }
    const { peers, config } = route.upstream
    let peer = chosen !== null && peers.take(chosen) ? chosen : null
    if (peer === null && !fresh) peer = peers.select(this.#tried, session)
    if (peer !== null) {
      this.#hold(peer)
      this.#send(peer, fresh)
    } else if (this.#wait(chosen, fresh) !== true) {
      this.#owner.fail(peers.refusal(config.name, this.#tried))
    }
  }

  /** Waits for a place at the upstream. */
  #wait(chosen: UpstreamPeer | null, fresh: boolean): boolean | undefined {
    return this.#passage?.wait(
      () => this.#pick(chosen, fresh),
      (error) => this.#owner.fail(error),
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
    const changed = outboundRequest(this.#phases, request, peer, this.cache)
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
    attempt.keepsDate = this.cache !== null
    this.#attempt = attempt
    this.#held = null
    this.#phases.trail.attemptBegins()
    launchAttempt(this.#launch, attempt, head, this.#copy)
  }
}
