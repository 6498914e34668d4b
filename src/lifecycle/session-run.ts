import type { GatewayError } from '../session/errors.js'
import { Session, type SessionOrigin } from '../session/session.js'
import { type Deadline, now } from '../time/index.js'
import type { ClientPort } from './client-port.js'
import type { HookName } from './filter-chain.js'
import { asGatewayError, PhaseRunner } from './phase-runner.js'
import { RequestBody } from './request-body.js'
import { ResponseStage } from './response-stage.js'
import type { FilterResult } from './results.js'
import type { LifecycleEnv, Route } from './route.js'
import { runQuietly } from './run-hooks.js'
import {
  bodyTooLarge,
  clientAborted,
  filterRejected,
  retryMisplaced,
  retryRefused,
  sessionTimeout,
} from './session-errors.js'
import { UpstreamStage } from './upstream-stage.js'

/** A session as it arrives from the acceptor. */
export interface SessionStart extends SessionOrigin {
  /** As in `RequestHead.contentLength`. */
  readonly contentLength: number
}

/**
 * Leads one session through its phases (contract A-61…A-69): request filters, then the upstream stage, then the response stage,
 * then cleanup, on every path exactly once. As long as all hooks are synchronous it runs without a promise.
 */
export class SessionRun {
  readonly session: Session
  readonly #route: Route
  readonly #env: LifecycleEnv
  readonly #phases: PhaseRunner
  readonly #body: RequestBody
  readonly #response: ResponseStage
  readonly #upstream: UpstreamStage
  readonly #takenMs = now()
  #deadline: Deadline | null = null
  #error: GatewayError | null = null
  #failing = false
  #closed = false

  constructor(start: SessionStart, route: Route, env: LifecycleEnv, port: ClientPort) {
    this.#route = route
    this.#env = env
    const session = new Session(start, route.name)
    this.session = session
    this.#phases = new PhaseRunner(session, route, env, this)
    this.#body = new RequestBody({
      contentLength: start.contentLength,
      buffer: route.bufferRequestBody,
      limitBytes: env.bufferedBodyBytes,
      transform: this.#phases.bodyTransform(
        route.chain.requestBodyFilter,
        'requestBodyFilter',
        (filter, piece, end, ctx) => filter.requestBodyFilter?.(session, piece, end, ctx),
      ),
      port,
      onTooLarge: () => this.fail(bodyTooLarge()),
      onError: (error) => this.fail(asGatewayError(error)),
    })
    this.#response = new ResponseStage(this.#phases, port, this)
    this.#upstream = new UpstreamStage(this.#phases, this.#body, this.#response, port, this)
  }

  /** Begins the phases. */
  start(): void {
    const { chain, upstream } = this.#route
    try {
      chain.createContexts(this.#phases.contexts)
    } catch (error) {
      this.fail(asGatewayError(error))
      return
    }
    const { totalMs } = upstream.config.timeouts
    if (totalMs > 0) {
      this.#deadline = this.#env.wheel.create(() => this.fail(sessionTimeout(totalMs)))
      this.#env.wheel.arm(this.#deadline, Math.max(0, totalMs - (now() - this.session.timing.requestStart)))
    }
    this.#phases.run(
      chain.earlyRequestFilter,
      'earlyRequestFilter',
      (filter, session, ctx) => filter.earlyRequestFilter?.(session, ctx),
      () => this.#body.whenReady(() => this.#filterRequest()),
    )
  }

  /** A piece of the request body; valid only during the call. */
  onRequestBody(chunk: Uint8Array, last: boolean): void {
    if (!this.#closed) this.#body.receive(chunk, last)
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

  /** The client left; nothing can be sent any more. */
  onClientAbort(): void {
    if (this.#closed) return
    this.#error ??= clientAborted()
    this.#close()
  }

  /** Ends the session with an error: an error document if nothing was sent, a broken connection otherwise. */
  fail(error: GatewayError): void {
    if (this.#closed) return
    if (this.#failing) {
      // The filter that was to answer the failure failed itself.
      if (!this.#response.answered) this.#response.respondError(error)
      return
    }
    this.#failing = true
    this.#phases.supersede()
    this.#upstream.abort()
    this.#body.discard()
    this.#error = error
    this.#report(error)
    if (this.#response.headSent) {
      this.#response.breakOff()
      this.#close()
      return
    }
    this.#answerFailure(error)
  }

  /** Of the response stage: the acceptor will say when the client has it. */
  onResponseHandedOver(): void {
    // An answer that is complete before the request was: the rest of the upload is of no use.
    if (!this.#body.complete) {
      this.#upstream.abort()
      this.#body.discard()
    }
  }

  /** Of the phases: a filter wants something other than going on. */
  onFilterResult(result: FilterResult, hook: HookName): void {
    switch (result.kind) {
      case 'continue':
      case 'skipRemaining':
        return
      case 'reject':
        this.fail(filterRejected(result.status, result.reason))
        return
      case 'respond':
        this.#phases.supersede()
        this.#upstream.abort()
        this.#body.discard()
        try {
          this.#response.respond(result.response)
        } catch (error) {
          this.fail(asGatewayError(error))
        }
        return
      case 'retry':
        if (hook !== 'upstreamResponseFilter') this.fail(retryMisplaced(hook))
        else if (!this.#upstream.retry(retryRefused())) this.fail(retryRefused())
    }
  }

  /** Phase 2. */
  #filterRequest(): void {
    if (this.#closed || this.#failing) return
    if (this.#route.bufferRequestBody && this.#body.complete) this.session.requestBody = this.#body.whole()
    const { chain } = this.#route
    this.#phases.run(
      chain.requestFilter,
      'requestFilter',
      (filter, session, ctx) => filter.requestFilter?.(session, ctx),
      () =>
        this.#phases.run(
          chain.proxyUpstreamFilter,
          'proxyUpstreamFilter',
          (filter, session, ctx) => filter.proxyUpstreamFilter?.(session, ctx),
          () => this.#upstream.begin(),
        ),
    )
  }

  /** Asks the filters for an answer of their own, else sends the error document. */
  #answerFailure(error: GatewayError): void {
    const { chain } = this.#route
    this.#phases.run(
      chain.having('failToProxy'),
      'failToProxy',
      (filter, session, ctx) => {
        const own = filter.failToProxy?.(session, error, ctx)
        const take = (response: Awaited<typeof own>): FilterResult | undefined =>
          response === undefined ? undefined : { kind: 'respond', response }
        return own instanceof Promise ? own.then(take) : take(own)
      },
      () => this.#response.respondError(error),
    )
  }

  /** One error line per failure that is ours or the upstream's, unless a filter suppresses it. */
  #report(error: GatewayError): void {
    const { chain } = this.#route
    const { session } = this
    if (error.source === 'downstream') return
    let quiet = false
    let summary = ''
    runQuietly(
      chain.having('suppressErrorLog'),
      ({ filter, index }) => {
        quiet ||= filter.suppressErrorLog?.(session, error, this.#phases.contexts[index]) === true
      },
      () => {},
    )
    if (quiet || error.code === 'HG_FILTERED') return
    runQuietly(
      chain.having('requestSummary'),
      ({ filter, index }) => {
        summary += filter.requestSummary?.(session, this.#phases.contexts[index]) ?? ''
      },
      () => {},
    )
    const peer = session.upstreamPeer
    this.#env.logger.error(
      {
        reqId: session.requestId(),
        route: session.routeName(),
        reason: error.reason,
        code: error.code,
        ...(peer === null ? {} : { upstream: `${peer.address}:${peer.port}` }),
        ...(summary === '' ? {} : { summary }),
        ...(error.source === 'internal' ? { err: error.cause ?? error } : {}),
      },
      error.message,
    )
  }

  /** Phase 9. */
  #close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#deadline !== null) this.#env.wheel.clear(this.#deadline)
    this.#phases.supersede()
    this.#upstream.abort()
    this.#body.discard()
    const { logging } = this.#route.chain
    const pending: Promise<void>[] = []
    runQuietly(
      logging,
      ({ filter, index }) => {
        const result = filter.logging?.(this.session, this.#error, this.#phases.contexts[index])
        if (result instanceof Promise)
          pending.push(result.catch((error: unknown) => this.#logFailure(filter.name, error)))
      },
      ({ filter }, error) => this.#logFailure(filter.name, error),
    )
    if (pending.length === 0) this.#free()
    else void Promise.all(pending).then(() => this.#free())
  }

  #free(): void {
    this.#env.onOutcome({
      session: this.session,
      route: this.#route.index,
      queueMs: this.#takenMs - this.session.timing.requestStart,
      error: this.#error,
      status: this.#response.status,
      bytesIn: this.#body.receivedBytes,
      bytesOut: this.#response.bytesOut,
    })
    const errors = [...this.#route.chain.freeContexts(this.#phases.contexts), ...this.session.deinit()]
    for (const error of errors) this.#logFailure('cleanup', error)
  }

  #logFailure(filter: string, error: unknown): void {
    this.#env.logger.error({ err: error, filter }, 'a filter failed after the answer')
  }
}
