import type { Lead } from '../cache/lock/index.js'
import type { GatewayError } from '../session/errors.js'
import { Headers } from '../session/headers.js'
import { RequestHeader } from '../session/message-headers.js'
import { Session } from '../session/session.js'
import { type Deadline, now } from '../time/index.js'
import { answerFailure } from './answer-failure.js'
import { bodyOptions } from './body-options.js'
import { CacheStage } from './cache-stage.js'
import { cleanUp } from './clean-up.js'
import type { ClientPort } from './client-port.js'
import type { HookName } from './filter-chain.js'
import { ownAnswer, routeAnswer } from './own-answer.js'
import { PhaseRunner } from './phase-runner.js'
import { reportFailure } from './report-failure.js'
import { RequestBody } from './request-body.js'
import type { RequestBodyOwner } from './request-body-types.js'
import { ResponseStage } from './response-stage.js'
import type { FilterResponse } from './results.js'
import type { LifecycleEnv, Route } from './route.js'
import { filterError, type HookOutcome } from './run-hooks.js'
import {
  answeredTwice,
  clientAborted,
  filterRejected,
  requestRefused,
  retryMisplaced,
  sessionTimeout,
  workerStopped,
} from './session-errors.js'
import type { SessionStart } from './session-start.js'
import { SessionTrail } from './session-trail.js'
import { UpstreamStage } from './upstream-stage.js'

/**
 * Leads one session through its phases (contract A-61…A-69): request filters, then the upstream stage, then the response stage,
 * then cleanup, on every path exactly once. As long as all hooks are synchronous it runs without a promise.
 */
export class SessionRun implements RequestBodyOwner {
  readonly session: Session
  readonly #phases: PhaseRunner
  readonly #body: RequestBody
  readonly #response: ResponseStage
  readonly #upstream: UpstreamStage
  readonly #port: ClientPort
  /** Null: the route has no cache. */
  readonly #cache: CacheStage | null = null
  #deadline: Deadline | null = null
  #error: GatewayError | null = null
  #handedOver = false
  #closed = false
  #refusedStatus = 0

  /** @param lead of a validation in the background: the right to it */
  constructor(
    start: SessionStart,
    route: Route,
    env: LifecycleEnv,
    port: ClientPort,
    lead: Lead | null = null,
  ) {
    this.#port = port
    const session = new Session(start, route.name, route.pattern ?? null, start.target)
    // Phase 1.
    const headers = new Headers(start.headerBlock)
    session.downstreamRequest = new RequestHeader(start.method, start.target, headers)
    this.session = session
    const trail = new SessionTrail(env.tracer?.begin(headers) ?? null)
    this.#phases = new PhaseRunner(session, route, env, trail, this)
    this.#body = new RequestBody(bodyOptions(this.#phases, start.contentLength, port), this)
    this.#response = new ResponseStage(this.#phases, port, this, start.method)
    this.#upstream = new UpstreamStage(this.#phases, this.#body, this.#response, port, this, start)
    if (route.cache === undefined) return
    this.#cache = new CacheStage({
      cache: route.cache,
      phases: this.#phases,
      response: this.#response,
      upstream: this.#upstream,
      start,
      hasBody: this.#body.present,
      lead,
      fail: (error) => this.fail(error),
    })
    this.#upstream.cache = this.#cache.fetch
  }

  /** Begins the phases. */
  start(): void {
    const { route, env, trail } = this.#phases
    const { totalMs } = route.upstream.config.timeouts
    if (totalMs > 0) {
      this.#deadline = env.wheel.create(() => this.fail(sessionTimeout(totalMs)))
      env.wheel.arm(this.#deadline, Math.max(0, totalMs - trail.queueMs(this.session.timing)))
    }
    if (!this.#phases.createContexts()) return
    this.#phases.run(
      route.chain.earlyRequestFilter,
      'earlyRequestFilter',
      (filter, session, ctx) => filter.earlyRequestFilter?.(session, ctx),
      () => this.#body.whenReady(() => this.#filterRequest()),
    )
  }

  /** A piece of the request body; valid only during the call. */
  onRequestBody(chunk: Uint8Array, last: boolean): void {
    if (this.#closed) return
    const { tunnel } = this.#upstream
    if (tunnel === null) this.#body.receive(chunk, last)
    else tunnel.fromClient(chunk, last)
  }

  /** The client can take more. */
  onClientWritable(): void {
    if (!this.#closed) this.#response.onClientWritable()
  }

  /** End of a loop turn, after `ClientPort.flushLater`. */
  flushHead(): void {
    if (!this.#closed) this.#response.flushHead()
  }

  /** The answer was given to the client's socket at this time, or broke off (-1). */
  onSent(sentMs: number): void {
    if (this.#closed) return
    if (sentMs >= 0) this.session.timing.responseSent = sentMs
    else this.#error ??= clientAborted()
    this.#close()
  }

  /**
   * The client left; nothing can be sent any more.
   * @param refusedStatus the acceptor has answered with this: the rest of the request was not acceptable. 0: it did not
   */
  onClientAbort(refusedStatus = 0): void {
    if (this.#closed) return
    if (refusedStatus > 0) {
      this.#refusedStatus = refusedStatus
      this.session.timing.responseSent = now()
    }
    this.#error ??= refusedStatus > 0 ? requestRefused(refusedStatus) : clientAborted()
    this.#close()
  }

  /** The worker ends before the session did: its cleanup runs now. */
  onShutdown(): void {
    if (this.#closed) return
    this.#error ??= workerStopped()
    this.#close()
  }

  /** Ends the session with an error: an error document if nothing was sent, a broken connection otherwise. */
  fail(error: GatewayError): void {
    // Behind a complete answer it does not matter any more what becomes of the rest of the upstream's.
    if (this.#closed || this.#handedOver) return
    if (this.#cache !== null) {
      if (this.#cache.rescue(error)) {
        reportFailure(this.#phases, error)
        return
      }
      this.#cache.leave()
    }
    const first = this.#error === null
    this.#phases.supersede()
    this.#upstream.abort()
    this.#body.discard()
    this.#error ??= error
    reportFailure(this.#phases, error)
    if (this.#response.headSent) {
      this.#response.breakOff()
      this.#close()
    } else if (first) answerFailure(this.#phases, this.#response, error)
    // The filters that were to answer the failure have failed too, or time is up.
    else this.#response.respondError(this.#error, error.code === 'HG_TIMEOUT')
  }

  /** Of the response stage: the acceptor will say when the client has it, and has a deadline of its own for that. */
  onResponseHandedOver(): void {
    this.#handedOver = true
    if (this.session.timing.upstreamResponseEnd === null) this.#phases.trail.handedOverMs = now()
    // An answer that is complete before the request was: the rest of the upload is of no use.
    if (!this.#body.complete) {
      this.#upstream.abort()
      this.#body.discard()
    }
  }

  /** Of the upstream stage: from now on only the tunnel's own limit counts. */
  onTunnelOpen(): void {
    if (this.#deadline !== null) this.#phases.env.wheel.clear(this.#deadline)
  }

  /** The close frame takes its way through the client: only the error is kept. */
  onTunnelFault(error: GatewayError): void {
    if (this.#closed) return
    this.#error ??= error
    reportFailure(this.#phases, error)
  }

  onTunnelBroken(error: GatewayError): void {
    if (this.#closed) return
    // The acceptor has the end of one direction already, and waits for the client's.
    if (this.#handedOver) this.#port.fail()
    this.#handedOver = false
    this.fail(error)
  }

  /** Of the phases: a filter wants something other than going on. */
  onFilterResult({ result, filter }: HookOutcome, hook: HookName): void {
    switch (result.kind) {
      case 'continue':
      case 'skipRemaining':
        return
      case 'reject':
        this.fail(filterRejected(result.status, result.reason))
        return
      case 'respond':
        this.#answer(result.response, filter.name, hook)
        return
      case 'retry':
        if (hook === 'upstreamResponseFilter') this.#upstream.retry()
        else this.fail(retryMisplaced(filter.name, hook))
    }
  }

  /** A filter has an answer of its own. */
  #answer(response: FilterResponse, filter: string, hook: HookName): void {
    // Of a phase that asks for the rest of an answer, see `CacheResume`.
    if (this.#response.headSent) {
      this.fail(answeredTwice(filter, hook))
      return
    }
    this.#abandon()
    try {
      this.#response.respond(ownAnswer(response))
    } catch (error) {
      this.fail(filterError(filter, hook, error))
    }
  }

  /** Phase 2. */
  #filterRequest(): void {
    if (this.#closed || this.#error !== null) return
    const { chain, route } = this.#phases
    if (route.bufferRequestBody && this.#body.present) this.session.requestBody = this.#body.whole()
    this.#phases.run(
      chain.requestFilter,
      'requestFilter',
      (filter, session, ctx) => filter.requestFilter?.(session, ctx),
      () => {
        if (this.#cache === null) this.#askUpstream()
        else this.#cache.begin(() => this.#askUpstream())
      },
    )
  }

  /** The cache has nothing, or there is none. */
  #askUpstream(): void {
    this.#phases.run(
      this.#phases.chain.proxyUpstreamFilter,
      'proxyUpstreamFilter',
      (filter, session, ctx) => filter.proxyUpstreamFilter?.(session, ctx),
      () => this.#serve(),
    )
  }

  /** Phase 3 is behind: the upstream, or the answer that the route itself says. */
  #serve(): void {
    const { answerer } = this.#phases.route
    const request = this.session.downstreamRequest
    if (answerer === undefined || request === null) this.#upstream.begin()
    else {
      this.#body.discard()
      this.#response.respond(routeAnswer(answerer, request))
    }
  }

  /** What is under way for this session is of no use any more. */
  #abandon(): void {
    this.#phases.supersede()
    this.#upstream.abort()
    this.#cache?.leave()
    this.#body.discard()
  }

  /** Phase 9. */
  #close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#deadline !== null) this.#phases.env.wheel.clear(this.#deadline)
    this.#abandon()
    this.#response.drop()
    cleanUp(
      this.#phases,
      this.#error,
      this.#refusedStatus > 0 ? this.#refusedStatus : this.#response.status,
      this.#body.receivedBytes + (this.#upstream.tunnel?.bytesIn ?? 0),
      this.#response.bytesOut,
    )
  }
}
