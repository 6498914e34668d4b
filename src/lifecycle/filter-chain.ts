import type { Filter } from './filter.js'
import { HOOK_NAMES } from './filter.js'

export type HookName = (typeof HOOK_NAMES)[number]

/** A filter at its place in a chain; `index` finds its context in the session's list. */
export interface PlacedFilter {
  readonly filter: Filter
  readonly index: number
}

const NOTHING: readonly unknown[] = []

/**
 * The filters of one route, sorted by hook once when the route is built: a session looks at a hook's list, and an empty list
 * costs it nothing.
 */
export class FilterChain {
  readonly filters: readonly Filter[]
  readonly bufferRequestBody: boolean
  readonly bufferResponseBody: boolean
  readonly #byHook: ReadonlyMap<HookName, readonly PlacedFilter[]>

  readonly earlyRequestFilter: readonly PlacedFilter[]
  readonly requestFilter: readonly PlacedFilter[]
  readonly requestBodyFilter: readonly PlacedFilter[]
  readonly proxyUpstreamFilter: readonly PlacedFilter[]
  readonly upstreamPeer: readonly PlacedFilter[]
  readonly upstreamRequestFilter: readonly PlacedFilter[]
  readonly connectedToUpstream: readonly PlacedFilter[]
  readonly upstreamResponseFilter: readonly PlacedFilter[]
  readonly responseFilter: readonly PlacedFilter[]
  readonly responseTrailerFilter: readonly PlacedFilter[]
  readonly upstreamResponseTrailerFilter: readonly PlacedFilter[]
  readonly logging: readonly PlacedFilter[]
  /** Any of the hooks that see response bytes. */
  readonly filtersResponseBody: boolean
  readonly #contexts: readonly PlacedFilter[]

  constructor(filters: readonly Filter[]) {
    this.filters = filters
    this.bufferRequestBody = filters.some((filter) => filter.bufferRequestBody === true)
    this.bufferResponseBody = filters.some((filter) => filter.bufferResponseBody === true)
    this.#byHook = new Map(
      HOOK_NAMES.map((hook) => [
        hook,
        filters.flatMap((filter, index) => (filter[hook] === undefined ? [] : [{ filter, index }])),
      ]),
    )
    this.earlyRequestFilter = this.places('earlyRequestFilter')
    this.requestFilter = this.places('requestFilter')
    this.requestBodyFilter = this.places('requestBodyFilter')
    this.proxyUpstreamFilter = this.places('proxyUpstreamFilter')
    this.upstreamPeer = this.places('upstreamPeer')
    this.upstreamRequestFilter = this.places('upstreamRequestFilter')
    this.connectedToUpstream = this.places('connectedToUpstream')
    this.upstreamResponseFilter = this.places('upstreamResponseFilter')
    this.responseFilter = this.places('responseFilter')
    this.responseTrailerFilter = this.places('responseTrailerFilter')
    this.upstreamResponseTrailerFilter = this.places('upstreamResponseTrailerFilter')
    this.logging = this.places('logging')
    this.filtersResponseBody =
      this.places('responseBodyFilter').length > 0 || this.places('upstreamResponseBodyFilter').length > 0
    this.#contexts = this.places('newCtx')
  }

  /** The filters that have a hook, in order. */
  places(hook: HookName): readonly PlacedFilter[] {
    return this.#byHook.get(hook) ?? []
  }

  /** Makes the filters' contexts into `into`, up to the first that fails. @returns that failure, or null */
  createContexts(into: unknown[]): { readonly filter: Filter; readonly error: unknown } | null {
    for (const { filter, index } of this.#contexts) {
      try {
        into[index] = filter.newCtx?.()
      } catch (error) {
        return { filter, error }
      }
    }
    return null
  }

  /** The same chain without the filters that want a context and have none in `contexts`; the others keep their index. */
  having(contexts: readonly unknown[]): FilterChain {
    return new FilterChain(
      this.filters.map((filter, index) =>
        filter.newCtx === undefined || index in contexts ? filter : { name: filter.name },
      ),
    )
  }

  /** Frees each context that was made, once. @returns errors of `freeCtx` */
  freeContexts(contexts: unknown[]): readonly unknown[] {
    if (contexts.length === 0) return NOTHING
    const errors: unknown[] = []
    for (const { filter, index } of this.#contexts) {
      if (!(index in contexts)) continue
      try {
        filter.freeCtx?.(contexts[index])
      } catch (error) {
        errors.push(error)
      }
    }
    contexts.length = 0
    return errors
  }
}
