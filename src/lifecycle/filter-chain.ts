import type { Filter } from './filter.js'
import { HOOK_NAMES } from './filter.js'

export type HookName = (typeof HOOK_NAMES)[number]

/** A filter at its place in a chain; `index` finds its context in the session's list. */
export interface PlacedFilter {
  readonly filter: Filter
  readonly index: number
}

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
    this.earlyRequestFilter = this.having('earlyRequestFilter')
    this.requestFilter = this.having('requestFilter')
    this.requestBodyFilter = this.having('requestBodyFilter')
    this.proxyUpstreamFilter = this.having('proxyUpstreamFilter')
    this.upstreamPeer = this.having('upstreamPeer')
    this.upstreamRequestFilter = this.having('upstreamRequestFilter')
    this.connectedToUpstream = this.having('connectedToUpstream')
    this.upstreamResponseFilter = this.having('upstreamResponseFilter')
    this.responseFilter = this.having('responseFilter')
    this.responseTrailerFilter = this.having('responseTrailerFilter')
    this.upstreamResponseTrailerFilter = this.having('upstreamResponseTrailerFilter')
    this.logging = this.having('logging')
    this.filtersResponseBody =
      this.having('responseBodyFilter').length > 0 || this.having('upstreamResponseBodyFilter').length > 0
    this.#contexts = this.having('newCtx')
  }

  /** The filters that have a hook, in order. */
  having(hook: HookName): readonly PlacedFilter[] {
    return this.#byHook.get(hook) ?? []
  }

  /** Makes the filters' contexts into `into`; on an exception those made so far are in it and will be freed. */
  createContexts(into: unknown[]): void {
    for (const { filter, index } of this.#contexts) into[index] = filter.newCtx?.()
  }

  /** Frees each context that was made, once. @returns errors of `freeCtx` */
  freeContexts(contexts: unknown[]): unknown[] {
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
