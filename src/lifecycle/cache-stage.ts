import type { WaitResult } from '../cache/lock/index.js'
import { findAnswer } from '../cache/lookup.js'
import {
  bypassReason,
  type CacheStatus,
  type ForwardReason,
  mayServeOnError,
  requestControl,
  suitsAuthorization,
} from '../cache/rules/index.js'
import type { EntryHead, StoredEntry } from '../cache/store/index.js'
import type { GatewayError } from '../session/errors.js'
import { now } from '../time/index.js'
import { CacheFetch } from './cache-fetch.js'
import { judge, keyOf, mayServeStale, usableFill } from './cache-judge.js'
import { revalidateLater } from './cache-request.js'
import { type CacheOptions, CacheState } from './cache-state.js'
import type { EntryPump } from './entry-pump.js'
import { asGatewayError } from './phase-runner.js'
import { serveEntry } from './serve-entry.js'
import { notCached } from './session-errors.js'

/**
 * Phase 3 of a session (contract A-47…A-53): looks the answer up, waits for one that another session fetches, serves what is stored, or has the
 * upstream asked, whose answer {@link CacheFetch} takes.
 */
export class CacheStage {
  readonly fetch: CacheFetch
  readonly #options: CacheOptions
  readonly #state: CacheState
  #next: () => void = () => undefined
  #cancelWait: (() => void) | null = null
  #waitedMs = 0
  #pump: EntryPump | null = null

  constructor(options: CacheOptions) {
    this.#options = options
    this.#state = new CacheState(options)
    this.fetch = new CacheFetch(options, this.#state, this)
  }

  /** Phase 3. @param next on to the upstream */
  begin(next: () => void): void {
    this.#next = next
    this.#try(() => {
      const { phases, cache, hasBody, start, lead } = this.#options
      const request = phases.session.downstreamRequest
      if (request === null) return next()
      const { headers, method } = request
      const { config } = cache
      const state = this.#state
      if (config.requestControl === 'honour' && lead === null) state.control = requestControl(headers)
      const why = bypassReason(method, hasBody || (start.upgrade ?? '') !== '', headers)
      if (why !== null) return this.#bypass(why)
      if (!config.methods.some((known) => known === method)) return this.#bypass('method')
      // RFC 9111 §5.2.1.5: nothing of it is stored; so nothing of it is looked up either.
      if (state.control.noStore) return this.#bypass('request')
      const isWanted = phases.ask('requestCacheFilter', (filter, ctx) => {
        const said = filter.requestCacheFilter?.(phases.session, ctx)
        return typeof said === 'boolean' ? said : undefined
      })
      if (isWanted === false || (isWanted === undefined && cache.bypasses(request)))
        return this.#bypass('bypass')
      state.primary = keyOf(this.#options, request)
      this.#look()
    })
  }

  /** The session has failed: true if a stale answer stands in (RFC 5861 §4). */
  rescue(error: GatewayError): boolean {
    const { response, upstream, phases } = this.#options
    if (this.#state.closed || response.headSent || error.source !== 'upstream') return false
    if (!this.mayStandIn(error)) return false
    phases.supersede()
    upstream.abort()
    this.fetch.drop()
    this.serveStale()
    return true
  }

  /** The session goes, or has another answer: nobody must wait for its fetch any more. */
  leave(): void {
    if (this.#state.closed) return
    this.#state.closed = true
    this.#cancelWait?.()
    this.#cancelWait = null
    this.#pump?.close()
    this.fetch.leave()
    this.#state.releaseLead('failed')
    this.#state.dropEntry()
  }

  /** Whether the entry at hand may be served in place of an error. @param error null: the upstream answered with one */
  mayStandIn(error: GatewayError | null): boolean {
    const { head, control, isForced } = this.#state
    const { phases } = this.#options
    if (head === null || this.#state.entry === null || isForced) return false
    return mayServeOnError(head, control, now()) && mayServeStale(phases, error)
  }

  /** Serves the entry at hand in place of an error. */
  serveStale(forwardStatus?: number): void {
    const state = this.#state
    state.releaseLead('failed')
    state.count('rescued')
    this.#serve('stale', {
      hit: false,
      forward: state.forward,
      ...(forwardStatus === undefined ? {} : { forwardStatus }),
    })
  }

  /** Serves the entry at hand, which the upstream has just validated. @param head as it is now */
  serveValidated(head: EntryHead, forwardStatus: number): void {
    const { forward } = this.#state
    this.#serve('miss', { hit: false, forward, forwardStatus }, head)
  }

  #look(): void {
    const { cache, phases } = this.#options
    const state = this.#state
    const request = phases.session.downstreamRequest
    if (request === null) return
    const begunMs = now()
    state.hold(findAnswer(cache.services.store, state.primary, request.headers))
    const authorized = request.headers.has('authorization')
    const { head, entry } = state
    if (entry !== null && head !== null && !suitsAuthorization(head, authorized)) state.dropEntry()
    const judged = judge(this.#options, state)
    phases.trail.cacheMs = now() - begunMs
    switch (judged) {
      case 'fresh':
      case 'stale':
        state.releaseLead('stored')
        state.entry?.touch()
        state.count(judged === 'fresh' ? 'hits' : 'stale')
        if (state.collapsed) state.count('collapsed')
        this.#serve(judged === 'fresh' ? 'hit' : 'stale', this.#hitStatus())
        return
      case 'stale-while-revalidate':
        revalidateLater(this.#options, state)
        state.entry?.touch()
        state.count('stale')
        this.#serve('stale', this.#hitStatus())
        return
      case 'request':
        if (!this.#isForbidden()) this.#goOn('request', 'fetch')
        return
      default:
        if (!this.#isForbidden()) this.#missed(judged, authorized)
    }
  }

  /** Nothing that can be used: another session may be fetching it. */
  #missed(judged: 'miss' | 'expired', authorized: boolean): void {
    const { cache, lead } = this.#options
    const state = this.#state
    const { marker, key } = state.found ?? { marker: null, key: state.primary }
    const forward: ForwardReason = judged === 'expired' ? 'stale' : marker === null ? 'uri-miss' : 'vary-miss'
    // An answer to one who is authorized is for nobody else, unless it says so.
    if (authorized && state.entry === null) {
      this.#goOn(forward, 'plain')
      return
    }
    const { lock } = cache.config
    const { store, locks } = cache.services
    const mayShare = lock !== null && lead === null && !state.isForced
    if (mayShare && this.#joinFill(store.findFilling(key), authorized, forward)) return
    if (lock === null || state.lead !== null) {
      this.#goOn(forward, 'fetch')
      return
    }
    const beganMs = now()
    const joined = locks.join(
      key,
      lock,
      (result) => {
        this.#cancelWait = null
        this.#waitedMs += now() - beganMs
        this.#try(() => this.#waited(result, forward))
      },
      this.#waitedMs,
    )
    switch (joined.kind) {
      case 'lead':
        state.lead = joined.lead
        // Between the look and this another may have stored it.
        if (state.isForced) this.#goOn(forward, 'fetch')
        else this.#look()
        return
      case 'wait':
        this.#cancelWait = joined.cancel
        return
      case 'alone':
        this.#goOn(forward, 'plain')
    }
  }

  /** Serves an entry while it is being made. */
  #joinFill(filling: StoredEntry | null, authorized: boolean, forward: ForwardReason): boolean {
    if (filling === null) return false
    const state = this.#state
    const head = usableFill(state, filling, authorized)
    if (head === null || state.found === null) {
      filling.release()
      return false
    }
    state.hold({ ...state.found, entry: filling, head })
    state.releaseLead('stored')
    state.count('hits')
    state.count('collapsed')
    this.#serve('hit', { hit: false, forward, collapsed: true })
    return true
  }

  #waited(result: WaitResult, forward: ForwardReason): void {
    const state = this.#state
    if (state.closed) {
      if (result.kind === 'lead') result.lead.release('failed')
      return
    }
    switch (result.kind) {
      case 'look':
        state.collapsed = true
        state.forward = forward
        this.#look()
        return
      case 'lead':
        state.lead = result.lead
        this.#look()
        return
      default:
        this.#goOn(forward, 'plain')
    }
  }

  /** RFC 9111 §5.2.1.7: the client wants what is stored, whatever else it says, and never the origin: then the session has failed. */
  #isForbidden(): boolean {
    const { onlyIfCached } = this.#state.control
    if (onlyIfCached) this.#options.fail(notCached())
    return onlyIfCached
  }

  #bypass(forward: ForwardReason): void {
    if (this.#isForbidden()) return
    const { session } = this.#options.phases
    session.cacheResult = { status: 'bypass' }
    session.cacheEnabled = false
    this.#state.count('bypassed')
    this.#state.mode = 'off'
    this.#state.forward = forward
    this.#next()
  }

  /** To the upstream. */
  #goOn(forward: ForwardReason, mode: 'plain' | 'fetch'): void {
    const { phases } = this.#options
    const { session, chain } = phases
    const state = this.#state
    state.forward = forward
    state.mode = mode
    session.cacheResult = { status: 'miss' }
    session.cacheEnabled = true
    state.count('misses')
    phases.call(chain.places('cacheMiss'), 'cacheMiss', (filter, ctx) => filter.cacheMiss?.(session, ctx))
    this.#next()
  }

  #hitStatus(): CacheStatus {
    const { collapsed, forward } = this.#state
    return collapsed ? { hit: false, forward, collapsed } : { hit: true }
  }

  #serve(result: 'hit' | 'stale' | 'miss', status: CacheStatus, head = this.#state.head): void {
    const pump = serveEntry(this.#options, this.#state, { result, status, head }, () => this.#next())
    this.#pump = pump ?? this.#pump
    // It has failed within that call.
    if (this.#state.closed) pump?.close()
  }

  #try(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#options.fail(asGatewayError(error))
    }
  }
}
