import type { Lead, LeadOutcome } from '../cache/lock/index.js'
import type { Found } from '../cache/lookup.js'
import type { CacheEvent } from '../cache/route-counters.js'
import { type CacheControl, type ForwardReason, NO_DIRECTIVES } from '../cache/rules/index.js'
import type { EntryHead, StoredEntry } from '../cache/store/index.js'
import type { GatewayError } from '../session/errors.js'
import type { PhaseRunner } from './phase-runner.js'
import type { ResponseStage } from './response-stage.js'
import type { Route } from './route.js'
import type { RouteCache } from './route-cache.js'
import type { SessionStart } from './session-start.js'
import type { UpstreamStage } from './upstream-stage.js'

/** What the cache needs of its session. */
export interface CacheOptions {
  readonly cache: RouteCache
  readonly phases: PhaseRunner
  readonly response: ResponseStage
  readonly upstream: UpstreamStage
  readonly start: SessionStart
  readonly hasBody: boolean
  /** Of a validation in the background: the right to it. Else null. */
  readonly lead: Lead | null
  fail(error: GatewayError): void
}

/** A validation that no client waits for (RFC 5861 §3). */
export interface RevalidationJob {
  readonly start: SessionStart
  readonly route: Route
  /** Nobody else validates this answer meanwhile. */
  readonly lead: Lead
}

/** How a request goes to the upstream: past the cache; as it is, and its answer may be stored; changed, so that its answer can be stored. */
export type FetchMode = 'off' | 'plain' | 'fetch'

/** What the cache knows of one session. */
export class CacheState {
  control: CacheControl = NO_DIRECTIVES
  /** Key of the URL; '' as long as the request is not one for the cache. */
  primary = ''
  found: Found | null = null
  lead: Lead | null
  mode: FetchMode = 'off'
  forward: ForwardReason = 'bypass'
  /** It has waited for another session's fetch. */
  collapsed = false
  /** A filter has said that the stored answer will not do. */
  isForced = false
  closed = false
  readonly #cache: RouteCache
  readonly #route: number
  /** It is no client's request. */
  readonly #isBackground: boolean

  constructor({ cache, phases, lead }: CacheOptions) {
    this.#cache = cache
    this.#route = phases.route.index
    this.lead = lead
    this.#isBackground = lead !== null
  }

  get entry(): StoredEntry | null {
    return this.found?.entry ?? null
  }

  get head(): EntryHead | null {
    return this.found?.head ?? null
  }

  count(event: CacheEvent): void {
    if (this.#isBackground && event !== 'stored' && event !== 'uncacheable') {
      if (event === 'misses') this.#cache.services.count(this.#route, 'background')
      return
    }
    this.#cache.services.count(this.#route, event)
  }

  /** Holds what was found, in the place of what was before. */
  hold(found: Found): void {
    this.dropEntry()
    this.found = found
  }

  /** Lets the entry go; where it would be stays known. */
  dropEntry(): void {
    const { found } = this
    if (found === null || found.entry === null) return
    this.found = { ...found, entry: null, head: null }
    found.entry.release()
  }

  /** The entry is another's, who releases it. */
  takeEntry(): StoredEntry | null {
    const { found } = this
    if (found === null) return null
    this.found = { ...found, entry: null }
    return found.entry
  }

  releaseLead(outcome: LeadOutcome): void {
    const { lead } = this
    this.lead = null
    lead?.release(outcome)
  }

  /** All who wait go on at once, but later requests may wait for one another again. */
  letAllGo(): void {
    if (this.lead === null) return
    this.releaseLead('uncacheable')
    this.remember(true)
  }

  remember(cacheable: boolean): void {
    const { locks } = this.#cache.services
    const key = this.found?.key ?? this.primary
    if (cacheable && !locks.isUncacheable(key)) return
    locks.remember(key, cacheable)
  }
}
