import { GatewayError } from '../session/errors.js'
import type { Session } from '../session/session.js'
import type { BodyResult, Filter } from './filter.js'
import type { HookName, PlacedFilter } from './filter-chain.js'
import type { FilterResult } from './results.js'
import type { LifecycleEnv, Route } from './route.js'
import { filterError, runBodyHooks, runHooks } from './run-hooks.js'

/** Calls one hook of one filter with the session and the filter's own context. */
export type HookCall = (
  filter: Filter,
  session: Session,
  ctx: unknown,
) => ReturnType<NonNullable<Filter['requestFilter']>>

export interface PhaseOwner {
  /** A filter ended the phase with this; never `continue` or `skipRemaining`. */
  onFilterResult(result: FilterResult, hook: HookName): void
  fail(error: GatewayError): void
}

/** Runs the hooks of one session, one phase after the other, and forgets what comes late. */
export class PhaseRunner {
  readonly session: Session
  readonly route: Route
  readonly env: LifecycleEnv
  /** The filters' contexts, by the filter's index. */
  readonly contexts: unknown[] = []
  readonly #owner: PhaseOwner
  #epoch = 0

  constructor(session: Session, route: Route, env: LifecycleEnv, owner: PhaseOwner) {
    this.session = session
    this.route = route
    this.env = env
    this.#owner = owner
  }

  /** Whatever hooks are still under way: their results do not count any more. */
  supersede(): void {
    this.#epoch += 1
  }

  /** Runs a phase, then `next`, unless a filter wants otherwise. */
  run(places: readonly PlacedFilter[], hook: HookName, call: HookCall, next: () => void): void {
    if (places.length === 0) {
      next()
      return
    }
    const epoch = this.#epoch
    const settle = (result: FilterResult | undefined): void => {
      if (epoch !== this.#epoch) return
      if (result === undefined || result.kind === 'skipRemaining') next()
      else this.#owner.onFilterResult(result, hook)
    }
    const refuse = (error: unknown): void => {
      if (epoch === this.#epoch) this.#owner.fail(asGatewayError(error))
    }
    try {
      const outcome = runHooks(places, hook, this.env, ({ filter, index }) =>
        call(filter, this.session, this.contexts[index]),
      )
      if (outcome instanceof Promise) outcome.then(settle, refuse).catch(refuse)
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
  ): ((piece: Uint8Array, end: boolean) => Uint8Array | Promise<Uint8Array>) | null {
    if (places.length === 0) return null
    return (piece, end) =>
      runBodyHooks(places, hook, this.env, piece, ({ filter, index }, bytes) =>
        call(filter, bytes, end, this.contexts[index]),
      )
  }

  /** Calls a synchronous hook of every filter that has it; what one throws ends the session. @returns false if it did */
  notify(
    places: readonly PlacedFilter[],
    hook: HookName,
    call: (filter: Filter, ctx: unknown) => void,
  ): boolean {
    for (const { filter, index } of places) {
      try {
        call(filter, this.contexts[index])
      } catch (error) {
        this.#owner.fail(filterError(filter.name, hook, error))
        return false
      }
    }
    return true
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
