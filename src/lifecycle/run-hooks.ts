import { GatewayError, InvalidRequest } from '../session/errors.js'
import type { DeadlineWheel } from '../time/index.js'
import type { BodyResult } from './filter.js'
import type { HookName, PlacedFilter } from './filter-chain.js'
import type { FilterResult } from './results.js'

/** How long an asynchronous hook may take before it counts as forgotten (C1). */
export interface HookDeadline {
  readonly wheel: DeadlineWheel
  /** Milliseconds, 0 = unlimited. */
  readonly filterMs: number
}

type MaybeResult = FilterResult | undefined
// biome-ignore lint/suspicious/noConfusingVoidType: hooks without a return statement have type void
type Returned<T> = T | undefined | void | Promise<T | undefined | void>

/** Hooks of the request side, where a `SyntaxError` means that the client's data is bad. */
const REQUEST_HOOKS: ReadonlySet<HookName> = new Set([
  'earlyRequestFilter',
  'requestFilter',
  'requestBodyFilter',
])

/** The error that a session ends with when a hook throws. The message for the client names the filter, not its secrets. */
export function filterError(name: string, hook: HookName, cause: unknown): GatewayError {
  if (cause instanceof GatewayError) return cause
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

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  )
}

/** Waits for a hook's promise, but not for ever. */
function settle<T>(
  promise: Promise<T>,
  place: PlacedFilter,
  hook: HookName,
  deadline: HookDeadline,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = deadline.wheel.create(() => {
      const cause = new Error(`did not settle within ${deadline.filterMs} ms`)
      reject(filterError(place.filter.name, hook, cause))
    })
    if (deadline.filterMs > 0) deadline.wheel.arm(timer, deadline.filterMs)
    promise.then(
      (value) => {
        deadline.wheel.clear(timer)
        resolve(value)
      },
      (error: unknown) => {
        deadline.wheel.clear(timer)
        reject(filterError(place.filter.name, hook, error))
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
  deadline: HookDeadline,
  call: (place: PlacedFilter) => Returned<FilterResult>,
  from = 0,
): MaybeResult | Promise<MaybeResult> {
  for (let i = from; i < places.length; i += 1) {
    const place = places[i]
    if (place === undefined) break
    let returned: Returned<FilterResult>
    try {
      returned = call(place)
    } catch (error) {
      throw filterError(place.filter.name, hook, error)
    }
    if (isPromise(returned)) {
      return settle(returned, place, hook, deadline).then((result) =>
        ends(result) ? result : runHooks(places, hook, deadline, call, i + 1),
      )
    }
    if (ends(returned)) return returned
  }
  return undefined
}

// biome-ignore lint/suspicious/noConfusingVoidType: hooks without a return statement have type void
function ends(result: FilterResult | undefined | void): result is FilterResult {
  return result !== undefined && result !== null && result.kind !== 'continue'
}

/** Passes a piece of body through a hook of all filters. Null: dropped. @throws GatewayError */
export function runBodyHooks(
  places: readonly PlacedFilter[],
  hook: HookName,
  deadline: HookDeadline,
  chunk: Uint8Array,
  call: (place: PlacedFilter, chunk: Uint8Array) => BodyResult,
  from = 0,
): Uint8Array | Promise<Uint8Array> {
  let current = chunk
  for (let i = from; i < places.length; i += 1) {
    const place = places[i]
    if (place === undefined) break
    let returned: BodyResult
    try {
      returned = call(place, current)
    } catch (error) {
      throw filterError(place.filter.name, hook, error)
    }
    if (isPromise(returned)) {
      const before = current
      return settle(returned, place, hook, deadline).then((result) =>
        runBodyHooks(places, hook, deadline, pick(result, before, place, hook), call, i + 1),
      )
    }
    current = pick(returned, current, place, hook)
  }
  return current
}

const DROPPED = new Uint8Array(0)

function pick(
  // biome-ignore lint/suspicious/noConfusingVoidType: hooks without a return statement have type void
  result: Uint8Array | null | undefined | void,
  before: Uint8Array,
  place: PlacedFilter,
  hook: HookName,
): Uint8Array {
  if (result === undefined) return before
  if (result === null) return DROPPED
  if (result instanceof Uint8Array) return result
  throw filterError(
    place.filter.name,
    hook,
    new TypeError('a body filter returns a Uint8Array, null or nothing'),
  )
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
