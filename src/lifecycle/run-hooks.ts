import { GatewayError, InvalidHeader, InvalidRequest, SessionClosed } from '../session/errors.js'
import type { DeadlineWheel } from '../time/index.js'
import type { BodyResult, Filter } from './filter.js'
import type { HookName, PlacedFilter } from './filter-chain.js'
import type { FilterResult } from './results.js'

/** How hooks of one session run. */
export interface HookRun {
  readonly wheel: DeadlineWheel
  /** Longest an asynchronous hook may take before it counts as forgotten (C1), milliseconds, 0 = unlimited. */
  readonly filterMs: number
  /** False once the result does not count any more: then the filters behind an asynchronous one are not called. */
  alive(): boolean
}

/** A filter ended its phase. */
export interface HookOutcome {
  /** Never `continue`. */
  readonly result: FilterResult
  readonly filter: Filter
}

// biome-ignore lint/suspicious/noConfusingVoidType: hooks without a return statement have type void
type Returned<T> = T | undefined | void | Promise<T | undefined | void>

/** Hooks of the request side, where a `SyntaxError` means that the client's data is bad. */
const REQUEST_HOOKS: ReadonlySet<HookName> = new Set([
  'earlyRequestFilter',
  'requestFilter',
  'requestBodyFilter',
  'proxyUpstreamFilter',
])

/** The error that a session ends with when a hook throws. The message for the client names the filter, not its secrets. */
export function filterError(name: string, hook: HookName, cause: unknown): GatewayError {
  // These two are mistakes of the filter's code, not a verdict on the session (B15).
  const mistake = cause instanceof InvalidHeader || cause instanceof SessionClosed
  if (cause instanceof GatewayError && !mistake) return cause
  if (cause instanceof SyntaxError && REQUEST_HOOKS.has(hook)) {
    return new InvalidRequest('the request body could not be parsed', { cause })
  }
  return new GatewayError(`filter '${name}' failed in ${hook}`, {
    code: 'HG_FILTER_FAILED',
    status: 500,
    reason: 'proxy_internal_error',
    source: 'internal',
    cause,
  })
}

/** Anything with a `then`: users' code may come with promises of its own make. */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  )
}

/** Waits for a hook's promise, but not for ever. Rejects with a {@link filterError}. */
export function settle<T>(
  promise: Promise<T>,
  filter: Filter,
  hook: HookName,
  run: Omit<HookRun, 'alive'>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = run.wheel.create(() => {
      const cause = new Error(`did not settle within ${run.filterMs} ms`)
      reject(filterError(filter.name, hook, cause))
    })
    if (run.filterMs > 0) run.wheel.arm(timer, run.filterMs)
    promise.then(
      (value) => {
        run.wheel.clear(timer)
        resolve(value)
      },
      (error: unknown) => {
        run.wheel.clear(timer)
        reject(filterError(filter.name, hook, error))
      },
    )
  })
}

/**
 * Runs a hook of all filters that have it, in order, until one returns something other than `continue`. Stays synchronous as
 * long as the hooks do. @throws GatewayError
 */
export function runHooks(
  places: readonly PlacedFilter[],
  hook: HookName,
  run: HookRun,
  call: (place: PlacedFilter) => Returned<FilterResult>,
  from = 0,
): HookOutcome | undefined | Promise<HookOutcome | undefined> {
  for (let i = from; i < places.length; i += 1) {
    const place = places[i]
    if (place === undefined) break
    const { filter } = place
    let returned: Returned<FilterResult>
    try {
      returned = call(place)
    } catch (error) {
      throw filterError(filter.name, hook, error)
    }
    if (isPromise(returned)) {
      return settle(returned, filter, hook, run).then((result) => {
        if (!run.alive()) return undefined
        return outcomeOf(result, filter, hook) ?? runHooks(places, hook, run, call, i + 1)
      })
    }
    const outcome = outcomeOf(returned, filter, hook)
    if (outcome !== undefined) return outcome
    // A hook may have ended the session from within, by way of what it was given.
    if (!run.alive()) return undefined
  }
  return undefined
}

function outcomeOf(
  // biome-ignore lint/suspicious/noConfusingVoidType: hooks without a return statement have type void
  result: FilterResult | undefined | void,
  filter: Filter,
  hook: HookName,
): HookOutcome | undefined {
  if (result === undefined || result === null) return undefined
  switch (result.kind) {
    case 'continue':
      return undefined
    case 'reject':
    case 'respond':
    case 'retry':
    case 'skipRemaining':
      return { result, filter }
    default:
      // Only a filter without types gets here. Taken for `continue` a mistake in it could open what it should guard.
      throw filterError(filter.name, hook, new TypeError('what it returned is no filter result'))
  }
}

/** Passes a piece of body through a hook of all filters. Null: dropped. @throws GatewayError */
export function runBodyHooks(
  places: readonly PlacedFilter[],
  hook: HookName,
  run: HookRun,
  chunk: Uint8Array,
  call: (place: PlacedFilter, chunk: Uint8Array) => BodyResult,
  from = 0,
): Uint8Array | Promise<Uint8Array> {
  let current = chunk
  for (let i = from; i < places.length; i += 1) {
    const place = places[i]
    if (place === undefined) break
    const { filter } = place
    let returned: BodyResult
    try {
      returned = call(place, current)
    } catch (error) {
      throw filterError(filter.name, hook, error)
    }
    if (isPromise(returned)) {
      const before = current
      return settle(returned, filter, hook, run).then((result) =>
        run.alive()
          ? runBodyHooks(places, hook, run, pick(result, before, filter, hook), call, i + 1)
          : DROPPED,
      )
    }
    current = pick(returned, current, filter, hook)
  }
  return current
}

const DROPPED = new Uint8Array(0)

function pick(
  // biome-ignore lint/suspicious/noConfusingVoidType: hooks without a return statement have type void
  result: Uint8Array | null | undefined | void,
  before: Uint8Array,
  filter: Filter,
  hook: HookName,
): Uint8Array {
  if (result === undefined) return before
  if (result === null) return DROPPED
  if (result instanceof Uint8Array) return result
  const cause = new TypeError('a body filter returns a Uint8Array, null or nothing')
  throw filterError(filter.name, hook, cause)
}

/** Runs hooks whose result does not matter and whose failure must not change anything any more. */
export function runQuietly(
  places: readonly PlacedFilter[],
  call: (place: PlacedFilter) => void,
  onError: (place: PlacedFilter, error: unknown) => void,
): void {
  for (const place of places) {
    try {
      call(place)
    } catch (error) {
      onError(place, error)
    }
  }
}
