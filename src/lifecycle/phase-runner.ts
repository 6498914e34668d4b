import { GatewayError, type RetryDecision } from '../session/errors.js'
import type { Session } from '../session/session.js'
import { now } from '../time/index.js'
import type { BodyResult, Filter } from './filter.js'
import type { FilterChain, HookName, PlacedFilter } from './filter-chain.js'
import type { LifecycleEnv, Route } from './route.js'
import {
  filterError,
  type HookOutcome,
  type HookRun,
  isPromise,
  runBodyHooks,
  runHooks,
  runQuietly,
} from './run-hooks.js'
import type { SessionTrail } from './session-trail.js'

/** Calls one hook of one filter with the session and the filter's own context. */
export type HookCall = (
  filter: Filter,
  session: Session,
  ctx: unknown,
) => ReturnType<NonNullable<Filter['requestFilter']>>

export interface PhaseOwner {
  /** A filter ended the phase; the result is never `continue` or `skipRemaining`. */
  onFilterResult(outcome: HookOutcome, hook: HookName): void
  fail(error: GatewayError): void
}

/** Passes a piece of body through the route's filters. Its failures are GatewayErrors. */
export type BodyTransform = (piece: Uint8Array, endOfStream: boolean) => Uint8Array | Promise<Uint8Array>

const DECISIONS: ReadonlySet<unknown> = new Set<RetryDecision>(['always', 'idempotent', 'never'])

/** Runs the hooks of one session, one phase after the other, and forgets what comes late. */
export class PhaseRunner {
  readonly session: Session
  readonly route: Route
  readonly env: LifecycleEnv
  readonly trail: SessionTrail
  readonly #owner: PhaseOwner
  /** The filters' contexts, by the filter's index. */
  readonly #contexts: unknown[] = []
  #chain: FilterChain
  #epoch = 0

  constructor(session: Session, route: Route, env: LifecycleEnv, trail: SessionTrail, owner: PhaseOwner) {
    this.session = session
    this.route = route
    this.env = env
    this.trail = trail
    this.#owner = owner
    this.#chain = route.chain
  }

  /** The filters of this session: those of its route, but for any whose context could not be made. */
  get chain(): FilterChain {
    return this.#chain
  }

  /** Makes the filters' contexts. One that throws fails the session; no hook of a filter without its context will run. */
  createContexts(): boolean {
    const failure = this.#chain.createContexts(this.#contexts)
    if (failure === null) return true
    this.#chain = this.#chain.having(this.#contexts)
    this.#owner.fail(filterError(failure.filter.name, 'newCtx', failure.error))
    return false
  }

  /** Frees the contexts that were made. @returns errors of `freeCtx` */
  freeContexts(): readonly unknown[] {
    return this.#chain.freeContexts(this.#contexts)
  }

  /** The context of a filter. */
  context({ index }: PlacedFilter): unknown {
    return this.#contexts[index]
  }

  /** Whatever hooks are still under way: their results do not count any more, and no further ones are called for them. */
  supersede(): void {
    this.#epoch += 1
  }

  /** Runs a phase, then `next`, unless a filter wants otherwise. */
  run(places: readonly PlacedFilter[], hook: HookName, call: HookCall, next: () => void): void {
    if (places.length === 0) next()
    else this.runAs(this.#owner, places, hook, call, next)
  }

  /** The same for a phase with an owner of its own. */
  runAs(
    owner: PhaseOwner,
    places: readonly PlacedFilter[],
    hook: HookName,
    call: HookCall,
    next: () => void,
  ): void {
    const run = this.#hookRun()
    const sinceMs = now()
    const settle = (outcome: HookOutcome | undefined): void => {
      this.trail.filtered(sinceMs)
      if (!run.alive()) return
      if (outcome === undefined || outcome.result.kind === 'skipRemaining') next()
      else owner.onFilterResult(outcome, hook)
    }
    const refuse = (error: unknown): void => {
      if (run.alive()) owner.fail(asGatewayError(error))
    }
    try {
      const outcome = runHooks(places, hook, run, (place) =>
        call(place.filter, this.session, this.context(place)),
      )
      if (isPromise(outcome)) outcome.then(settle).catch(refuse)
      else settle(outcome)
    } catch (error) {
      refuse(error)
    }
  }

  /** A function that passes pieces of body through a hook, or null when no filter has it. */
  bodyTransform(
    places: readonly PlacedFilter[],
    hook: HookName,
    call: (filter: Filter, piece: Uint8Array, end: boolean, ctx: unknown) => BodyResult,
  ): BodyTransform | null {
    if (places.length === 0) return null
    return (piece, end) => {
      const sinceMs = now()
      const passed = runBodyHooks(places, hook, this.#hookRun(), piece, (place, bytes) =>
        call(place.filter, bytes, end, this.context(place)),
      )
      if (passed instanceof Uint8Array) this.trail.filtered(sinceMs)
      else
        passed.then(
          () => this.trail.filtered(sinceMs),
          () => undefined,
        )
      return passed
    }
  }

  /** Calls a synchronous hook of every filter that has it. @throws GatewayError of the first that throws */
  call(
    places: readonly PlacedFilter[],
    hook: HookName,
    call: (filter: Filter, ctx: unknown) => unknown,
  ): void {
    for (const place of places) {
      const { filter } = place
      try {
        const returned = call(filter, this.context(place))
        // Such a hook is not waited for, but `void` lets an `async` one through.
        if (isPromise(returned))
          returned.then(undefined, (error: unknown) => this.logFailure(filter, hook, error))
      } catch (error) {
        throw filterError(filter.name, hook, error)
      }
    }
  }

  /** Asks every filter that has a hook; the last one with an opinion decides. @throws GatewayError of one that throws or answers later */
  ask<T>(hook: HookName, call: (filter: Filter, ctx: unknown) => T | undefined): T | undefined {
    let answer: T | undefined
    for (const place of this.#chain.places(hook)) {
      const { filter } = place
      try {
        const said: unknown = call(filter, this.context(place))
        if (isPromise(said)) throw new TypeError('it must answer at once, not with a promise')
        if (said !== undefined && said !== null) answer = said as T
      } catch (error) {
        throw filterError(filter.name, hook, error)
      }
    }
    return answer
  }

  /** Asks every filter that has the hook what it makes of a failed attempt; the last one with an opinion decides. */
  decide(hook: 'failToConnect' | 'errorWhileProxy', error: GatewayError): RetryDecision {
    let decision = error.retry
    runQuietly(
      this.#chain.places(hook),
      (place) => {
        const wanted: unknown = place.filter[hook]?.(this.session, error, this.context(place))
        if (DECISIONS.has(wanted)) decision = wanted as RetryDecision
        else if (wanted !== undefined)
          throw new TypeError("it returns 'always', 'idempotent', 'never' or nothing")
      },
      ({ filter }, failure) => this.logFailure(filter, hook, failure),
    )
    return decision
  }

  /** A failure of a filter that changes nothing any more. */
  logFailure(filter: Filter, hook: HookName, error: unknown): void {
    this.env.logger.error({ err: error, filter: filter.name }, `filter '${filter.name}' failed in ${hook}`)
  }

  /** Tells, later, whether what is begun now still counts. */
  liveness(): () => boolean {
    const epoch = this.#epoch
    return () => epoch === this.#epoch
  }

  #hookRun(): HookRun {
    const { wheel, filterMs } = this.env
    return { wheel, filterMs, alive: this.liveness() }
  }
}

/** Anything thrown, as an error a session can end with. */
export function asGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  return new GatewayError('internal error', {
    code: 'HG_INTERNAL',
    status: 500,
    reason: 'proxy_internal_error',
    source: 'internal',
    cause: error,
  })
}
