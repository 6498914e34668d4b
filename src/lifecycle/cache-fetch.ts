import {
  type Arrival,
  type CacheStatus,
  decodeMeta,
  type Fields,
  isErrorStatus,
  type StorePlan,
  type StoreRequest,
  storeDecision,
} from '../cache/rules/index.js'
import type { EntryHead, StoredEntry } from '../cache/store/index.js'
import type { GatewayError } from '../session/errors.js'
import { type RequestHeader, type ResponseHeader, viewResponse } from '../session/message-headers.js'
import { responseBlock } from '../session/wire-block.js'
import { now } from '../time/index.js'
import type { ResponseHead } from '../upstream/http1/index.js'
import type { AnswerTaker } from './answer-taker.js'
import type { Attempt } from './attempt.js'
import { CacheFill, type FillClient } from './cache-fill.js'
import { addValidators, arrivalOf, invalidate, storeRules, stripRequest } from './cache-request.js'
import type { CacheStage } from './cache-stage.js'
import type { CacheOptions, CacheState } from './cache-state.js'
import { takeValidation } from './cache-validation.js'
import type { EntryPump } from './entry-pump.js'
import { HeldPieces, type PieceSink } from './held-pieces.js'
import { newEntry } from './new-entry.js'
import { asGatewayError } from './phase-runner.js'
import { upTransform } from './response-body-filters.js'
import { storedBroken } from './session-errors.js'
import { cacheStatusLine, deliverStored, withStatus } from './stored-response.js'

/** The cache's part of phases 5 and 6: what the upstream is asked, and what becomes of its answer. */
export class CacheFetch implements AnswerTaker, FillClient {
  readonly #options: CacheOptions
  readonly #state: CacheState
  readonly #stage: Pick<CacheStage, 'mayStandIn' | 'serveStale' | 'serveValidated'>
  #requestMs = 0
  /** The request asks whether the entry at hand still holds. */
  #validates = false
  /** Pieces of an answer of which it is not decided what becomes of them. */
  #held: HeldPieces | null = null
  #fill: CacheFill | null = null
  #pump: EntryPump | null = null

  constructor(
    options: CacheOptions,
    state: CacheState,
    stage: Pick<CacheStage, 'mayStandIn' | 'serveStale' | 'serveValidated'>,
  ) {
    this.#options = options
    this.#state = state
    this.#stage = stage
  }

  prepare(request: RequestHeader): void {
    const { mode } = this.#state
    this.#requestMs = now()
    this.#validates = false
    if (mode === 'off') return
    stripRequest(request.headers, this.#fields(), this.#options.cache.config.keys, mode === 'fetch')
    if (mode !== 'fetch') return
    this.#validates = addValidators(request, this.#state)
    // Without an answer at hand a HEAD brings the whole, for all that follow; with one it is enough to validate it.
    if (!this.#validates && request.method === 'HEAD') request.method = 'GET'
  }

  begin(head: ResponseHead, attempt: Attempt): void {
    const { response } = this.#options
    const state = this.#state
    this.#fill = null
    this.#held = null
    if (state.mode === 'off') {
      this.#try(() => invalidate(this.#options, head))
      const status = this.#status({ forwardStatus: head.status })
      response.begin(status === null ? head : withStatus(head, status), attempt)
      return
    }
    this.#try(() => {
      if (this.#validates && this.#validated(head, attempt)) return
      if (isErrorStatus(head.status) && this.#stage.mayStandIn(null)) {
        attempt.discard(head)
        this.#stage.serveStale(head.status)
        return
      }
      this.#held = new HeldPieces(attempt)
      response.filterUpstream(head, (filtered) => this.#try(() => this.#decide(head, filtered, attempt)))
    })
  }

  chunk(chunk: Uint8Array): void {
    if (this.#held === null) this.#options.response.chunk(chunk)
    else this.#held.chunk(chunk)
  }

  end(trailerBlock: string): void {
    if (this.#held === null) this.#options.response.end(trailerBlock)
    else this.#held.end(trailerBlock)
  }

  onFillEnd(atMs: number): void {
    this.#options.phases.session.timing.upstreamResponseEnd = atMs
  }

  onFillError(error: GatewayError): void {
    this.#options.fail(error)
  }

  /** The answer that was coming is not wanted. */
  drop(): void {
    this.#held = null
    this.#pump?.close()
    this.#fill?.leave()
    this.#fill = null
  }

  leave(): void {
    this.drop()
  }

  /** The answer to a validation. @returns whether that was all */
  #validated(head: ResponseHead, attempt: Attempt): boolean {
    const arrived = {
      head,
      method: attempt.method,
      arrival: this.#arrival(head),
      rules: storeRules(this.#options),
    }
    const result = takeValidation(this.#options.cache.services.store, this.#state, arrived)
    if (result === 'forward') return false
    attempt.discard(head)
    if (result === 'repeat') this.#options.upstream.repeat()
    else this.#stage.serveValidated(result, head.status)
    return true
  }

  /** Phase 6 is behind it: is it stored? */
  #decide(head: ResponseHead, response: ResponseHeader, attempt: Attempt): void {
    const { phases, cache } = this.#options
    const { session } = phases
    const state = this.#state
    const arrival = this.#arrival(head)
    const isWanted =
      session.cacheEnabled &&
      phases.ask('responseCacheFilter', (filter, ctx) => {
        const said = filter.responseCacheFilter?.(session, viewResponse(response), ctx)
        return typeof said === 'boolean' ? said : undefined
      }) !== false
    const decision = storeDecision(
      this.#storeRequest(attempt),
      response.code,
      response.headers,
      arrival,
      storeRules(this.#options),
    )
    const { maxEntryBytes } = cache.services.store
    const isTooLarge = head.contentLength !== null && head.contentLength > maxEntryBytes
    if (isWanted && decision.store && !isTooLarge && this.#store(head, response, attempt, decision.plan))
      return
    if (attempt.method === 'HEAD') state.releaseLead('failed')
    // An error of the moment says nothing of the next answer.
    else if (response.code >= 500) state.letAllGo()
    else {
      state.releaseLead('uncacheable')
      // What one who is authorized gets says nothing of what others would.
      if (this.#fields().get('authorization') === null) state.remember(false)
    }
    state.count('uncacheable')
    this.#passOn(head, response, attempt, false)
  }

  /** @returns false: the store does not take it */
  #store(head: ResponseHead, response: ResponseHeader, attempt: Attempt, plan: StorePlan): boolean {
    const { cache } = this.#options
    const state = this.#state
    const { store } = cache.services
    const { place, entry } = newEntry(this.#options, state, response, plan, this.#arrival(head))
    const options = { requestedAtMs: this.#requestMs }
    if (!head.hasBody) {
      if (store.begin(place.key, entry, { ...options, lengthBytes: 0 })?.complete() !== true) return false
      this.#stored(plan)
      this.#passOn(head, response, attempt, true)
      return true
    }
    const transform = upTransform(this.#options.phases, head.contentLength)
    const lengthBytes = transform === null ? head.contentLength : null
    const writer = store.begin(place.key, entry, { ...options, lengthBytes })
    if (writer === null) return false
    const reader = writer.reader()
    if (reader === null) {
      writer.abort()
      return false
    }
    const isReusable = plan.lifetime.ms > 0 && plan.directives.noCache !== true
    const { lead } = state
    state.lead = null
    const fill = new CacheFill({
      attempt,
      writer,
      keys: [...new Set([state.primary, state.found?.key ?? state.primary, place.key])],
      lead,
      locks: cache.services.locks,
      transform,
      isReusable,
      client: this,
      onOver: (isStored) => {
        if (isStored) state.count('stored')
      },
    })
    this.#fill = fill
    this.#options.upstream.handOver(fill)
    // What filters of this session change ends with its client: nobody else should have begun to read it.
    if (transform === null && isReusable) fill.letIn()
    if (state.mode === 'plain') state.remember(true)
    this.#serveFill(fill, reader, entry, response)
    this.#release({
      chunk: (bytes) => fill.onAttemptBody(bytes),
      end: (trailers) => fill.onAttemptEnd(attempt, trailers, now()),
    })
    return true
  }

  /** An answer without a body is in the store at once. */
  #stored(plan: StorePlan): void {
    const state = this.#state
    state.count('stored')
    if (plan.lifetime.ms > 0 && plan.directives.noCache !== true) state.releaseLead('stored')
    else state.letAllGo()
    if (state.mode === 'plain') state.remember(true)
  }

  /** The client gets what is being stored, as fast as it can take it: with the fields that are for it alone. */
  #serveFill(fill: CacheFill, reader: StoredEntry, entry: EntryHead, response: ResponseHeader): void {
    const { phases, start } = this.#options
    const meta = { ...decodeMeta(entry.meta), headerBlock: responseBlock(response.headers) }
    const pump = deliverStored({
      response: this.#options.response,
      request: { method: start.method, fields: this.#fields() },
      entry: reader,
      head: entry,
      meta,
      status: this.#status({ forwardStatus: response.code, stored: true }),
      age: '',
      isFiltered: phases.chain.filtersResponseBody,
      isLive: true,
      onBroken: () => this.#options.fail(storedBroken()),
      onPumped: () => fill.onPumped(),
    })
    this.#pump = pump
    fill.attach(pump)
  }

  #passOn(head: ResponseHead, response: ResponseHeader, attempt: Attempt, stored: boolean): void {
    const status = this.#status({ forwardStatus: response.code, stored })
    if (status !== null) response.headers.append('cache-status', cacheStatusLine(status))
    this.#options.response.deliver(head, response, attempt, false)
    this.#release(this.#options.response)
  }

  /** It is decided what becomes of the answer: what was held back goes on. */
  #release(to: PieceSink): void {
    const held = this.#held
    this.#held = null
    held?.release(to)
  }

  /** Null: answers of this route do not tell. */
  #status(more: Partial<CacheStatus>): CacheStatus | null {
    const { forward, primary } = this.#state
    const { showKey, showStatus } = this.#options.cache.config
    if (!showStatus) return null
    const isShown = showKey && primary !== ''
    return { hit: false, forward, ...more, ...(isShown ? { key: primary } : {}) }
  }

  #storeRequest(attempt: Attempt): StoreRequest {
    const authorized = this.#fields().get('authorization') !== null
    return { method: attempt.method, authorized, noStore: this.#state.control.noStore }
  }

  #arrival(head: ResponseHead): Arrival {
    return arrivalOf(this.#options, head, this.#requestMs)
  }

  #fields(): Fields {
    return this.#options.phases.session.downstreamRequest?.headers ?? NO_FIELDS
  }

  #try(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#options.fail(asGatewayError(error))
    }
  }
}

const NO_FIELDS: Fields = { get: () => null }
