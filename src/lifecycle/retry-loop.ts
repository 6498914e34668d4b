import type { GatewayError } from '../session/errors.js'
import type { Peer } from '../session/session.js'
import type { Deadline } from '../time/index.js'
import type { ResponseHead } from '../upstream/http1/index.js'
import { handleRetry } from '../upstream/index.js'
import type { Attempt } from './attempt.js'
import { isPeerLeft } from './choose-peer.js'
import type { Passage } from './passage.js'
import { asGatewayError, type PhaseRunner } from './phase-runner.js'
import { prepareNextAttempt } from './prepare-next-attempt.js'
import type { ResponseStage } from './response-stage.js'

/**
 * What follows a failed attempt of a session: whether there is another, at which peers not, and after what pause. Most
 * sessions have none: the first attempt that fails makes it.
 */
export class RetryLoop {
  /** Peers whose attempts have failed. */
  readonly tried = new Set<Peer>()
  readonly #phases: PhaseRunner
  readonly #response: ResponseStage
  readonly #owner: { fail(error: GatewayError): void }
  readonly #next: () => void
  /** The wait before the next attempt. */
  #pause: Deadline | null = null

  /** @param next begins another attempt */
  constructor(
    phases: PhaseRunner,
    response: ResponseStage,
    owner: { fail(error: GatewayError): void },
    next: () => void,
  ) {
    this.#phases = phases
    this.#response = response
    this.#owner = owner
    this.#next = next
  }

  /**
   * @param passage past what bounds the upstream; null where nothing does
   * @param answer of the failed attempt, which is still coming
   * @returns false when no other peer is left or may be tried; then nothing has happened, unless the limit was passed.
   */
  tryAnother(
    failed: Attempt,
    error: GatewayError,
    passage: Passage | null,
    answer: ResponseHead | null,
  ): boolean {
    const { session, route } = this.#phases
    const { config, counts, guard } = route.upstream
    const { max } = config.retries
    this.tried.add(failed.peer)
    if (!isPeerLeft(this.#phases, this.tried) || passage?.isShut === true) return false
    if (session.retryCount < max && !guard.retries.allows(error)) return false
    try {
      handleRetry(session, max, error)
    } catch (limit) {
      this.#owner.fail(asGatewayError(limit))
      return true
    }
    counts?.retried()
    if (answer !== null) failed.discard(answer)
    prepareNextAttempt(this.#phases, this.#response)
    const waitMs = guard.retries.waitMs(error, session.retryCount)
    if (waitMs < 1) this.#next()
    else {
      this.#pause ??= guard.wheel.create(this.#next)
      guard.wheel.arm(this.#pause, waitMs)
    }
    return true
  }

  /** No attempt follows any more. */
  stop(): void {
    if (this.#pause !== null) this.#phases.route.upstream.guard.wheel.clear(this.#pause)
  }
}
