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

export interface UpstreamStageOwner {
  fail(error: GatewayError): void
}

const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** Phases 4 and 5 of a session and the retry loop around them: one attempt after the other, each at another peer. */
export class UpstreamStage implements AttemptOwner {
  readonly #phases: PhaseRunner
  readonly #body: RequestBody
  readonly #response: ResponseStage
  readonly #port: ClientPort
  readonly #owner: UpstreamStageOwner
  #tried: Set<Peer> | null = null
  #attempt: Attempt | null = null

  constructor(
    phases: PhaseRunner,
    body: RequestBody,
    response: ResponseStage,
    port: ClientPort,
    owner: UpstreamStageOwner,
  ) {
    this.#phases = phases
    this.#body = body
    this.#response = response
    this.#port = port
    this.#owner = owner
  }

  /** Starts the first attempt. */
  begin(): void {
    this.#choose(null)
  }

  /** Drops whatever is under way. */
  abort(): void {
    this.#attempt?.abort()
  }

  /** A filter wants the answer thrown away and another peer tried; false if the policy does not allow it. */
  retry(error: GatewayError): boolean {
    const attempt = this.#attempt
    if (attempt === null || this.#response.headSent) return false
    attempt.abort()
    return this.#tryAnother(attempt, error, false)
  }

  onAttemptConnected(attempt: Attempt, reused: boolean): void {
    const { session, route } = this.#phases
    session.timing.upstreamConnect = now()
    const { connectedToUpstream } = route.chain
    if (connectedToUpstream.length === 0) return
    this.#phases.notify(connectedToUpstream, 'connectedToUpstream', (filter, ctx) =>
      filter.connectedToUpstream?.(session, { peer: attempt.peer, reused }, ctx),
    )
  }

  onAttemptRequestSent(): void {
    const { session } = this.#phases
    session.requestSent = true
    session.timing.upstreamRequestSent = now()
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

  onAttemptError(attempt: Attempt, error: GatewayError): void {
    if (this.#response.headSent) {
      this.#owner.fail(error)
      return
    }
    const decision = this.#askFilters(attempt, error)
    const { method } = this.#phases.session.downstreamRequest ?? { method: '' }
    // A pooled connection that the upstream had closed already (A11): the same peer deserves a fresh one.
    const lostRace =
      error.code === 'HG_UPSTREAM_CLOSED' && attempt.reused && !attempt.fresh && !attempt.answered
    if (lostRace && isIdempotent(method) && this.#body.replayable) {
      this.#prepareNext()
      this.#send(attempt.peer, true)
      return
    }
    const allowed = mayRetry(decision, method, this.#body.replayable)
    if (!allowed || !this.#tryAnother(attempt, error, true)) this.#owner.fail(error)
  }

  #askFilters(attempt: Attempt, error: GatewayError): GatewayError['retry'] {
    const { session, route, contexts } = this.#phases
    const hook = attempt.connected ? 'errorWhileProxy' : 'failToConnect'
    let decision = error.retry
    for (const { filter, index } of route.chain.having(hook)) {
      try {
        decision = filter[hook]?.(session, error, contexts[index]) ?? decision
      } catch (failure) {
        this.#phases.env.logger.error(
          { err: failure, reqId: session.requestId(), filter: filter.name },
          `${hook} failed`,
        )
      }
    }
    return decision
  }

  /** @returns false when no other peer is left or may be tried; then nothing has happened, unless the limit was passed. */
  #tryAnother(failed: Attempt, error: GatewayError, counts: boolean): boolean {
    const { session, route } = this.#phases
    const { max } = route.upstream.config.retries
    if (max === 0 && counts) return false
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
    this.#choose(error)
    return true
  }

  #prepareNext(): void {
    const { session } = this.#phases
    this.#phases.supersede()
    beginNextAttempt(session.timing)
    session.requestSent = false
    session.responseReceived = false
    session.downstreamResponse = null
    session.upstreamPeer = null
  }

  /** Phase 4. */
  #choose(cause: GatewayError | null): void {
    const { route, session } = this.#phases
    const { peers } = route.upstream
    let chosen: UpstreamPeer | null = null
    this.#phases.run(
      route.chain.upstreamPeer,
      'upstreamPeer',
      (filter, current, ctx) => {
        if (chosen !== null) return undefined
        const candidates = peers.peers.filter((peer) => this.#tried === null || !this.#tried.has(peer))
        const wanted = filter.upstreamPeer?.(current, candidates, ctx)
        const take = (peer: Peer | null | undefined): undefined => {
          if (peer !== null && peer !== undefined) chosen = peers.find(peer)
          return undefined
        }
        return wanted instanceof Promise ? wanted.then((peer) => take(peer ?? null)) : take(wanted ?? null)
      },
      () => {
        const peer = chosen ?? peers.select(this.#tried)
        if (peer === null) {
          this.#owner.fail(cause ?? new NoPeerAvailable(route.upstream.config.name))
          return
        }
        session.upstreamPeer = peer
        this.#send(peer, false)
      },
    )
  }

  /** Phase 5. */
  #send(peer: UpstreamPeer, fresh: boolean): void {
    const { session, route } = this.#phases
    session.upstreamPeer = peer
    const request = session.downstreamRequest
    if (request === null) return
    const { upstreamRequestFilter } = route.chain
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
    const { upstream } = this.#phases.route
    if (!this.#body.gathered) {
      attempt.start(upstream, head, null, this.#body.framing)
      return
    }
    const send = (bytes: Uint8Array): void => {
      const none = bytes.length === 0 && BODILESS.has(head.method)
      attempt.start(
        upstream,
        head,
        none ? null : bytes,
        none ? { kind: 'none' } : { kind: 'length', length: bytes.length },
      )
    }
    const { session } = this.#phases
    const whole = session.requestBody ?? this.#body.whole()
    const transform = this.#body.transform
    if (transform === null) {
      send(whole)
      return
    }
    try {
      const bytes = transform(whole, true)
      if (bytes instanceof Uint8Array) send(bytes)
      else bytes.then(send, (error: unknown) => this.#owner.fail(asGatewayError(error)))
    } catch (error) {
      this.#owner.fail(asGatewayError(error))
    }
  }
}
