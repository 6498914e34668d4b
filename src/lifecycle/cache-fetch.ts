import { randomInt } from 'node:crypto'
import {
  BlockFields,
  type CacheStatus,
  cacheKey,
  decodeMeta,
  entryHead,
  type Fields,
  invalidatedUrls,
  isErrorStatus,
  isUnkeyed,
  isUnsafe,
  keyUrl,
  matchesHead,
  parseHttpDate,
  refreshedHead,
  requestScheme,
  SELECTIVE,
  type StorePlan,
  type StoreRequest,
  storeDecision,
  URL_END,
  urlTag,
  validators,
  variance,
  variantKey,
  varyHead,
} from '../cache/rules/index.js'
import type { GatewayError } from '../session/errors.js'
import type { RequestHeader, ResponseHeader } from '../session/message-headers.js'
import { viewResponse } from '../session/message-headers.js'
import { responseBlock } from '../session/wire-block.js'
import { now } from '../time/index.js'
import type { ResponseHead } from '../upstream/http1/index.js'
import type { Attempt } from './attempt.js'
import { CacheFill, type FillClient } from './cache-fill.js'
import type { CacheStage } from './cache-stage.js'
import type { CacheOptions, CacheState } from './cache-state.js'
import type { EntryPump } from './entry-pump.js'
import { asGatewayError } from './phase-runner.js'
import { cacheStatusLine, deliverStored } from './stored-response.js'
import type { AnswerTaker } from './upstream-stage.js'

/** The cache's part of phases 5 and 6: what the upstream is asked, and what becomes of its answer. */
export class CacheFetch implements AnswerTaker, FillClient {
  readonly #options: CacheOptions
  readonly #state: CacheState
  readonly #stage: Pick<CacheStage, 'mayStandIn' | 'serveStale' | 'serveValidated'>
  #requestMs = 0
  /** The request asks whether the entry at hand still holds. */
  #validates = false
  /** Pieces of an answer of which it is not decided what becomes of them. */
  #held: Uint8Array[] | null = null
  #trailers: string | null = null
  #attempt: Attempt | null = null
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
    const { mode, entry, head } = this.#state
    this.#requestMs = now()
    this.#validates = false
    if (mode === 'off') return
    this.#strip(request.headers, mode === 'fetch')
    if (mode !== 'fetch') return
    const meta = entry === null || head === null ? null : decodeMeta(head.meta)
    const lines =
      meta === null || head === null ? '' : validators(head, meta, new BlockFields(meta.headerBlock))
    this.#validates = lines !== ''
    // Without an answer at hand a HEAD brings the whole, for all that follow; with one it is enough to validate it.
    if (!this.#validates && request.method === 'HEAD') request.method = 'GET'
    for (const line of lines.split('\r\n')) {
      const colon = line.indexOf(':')
      if (colon > 0) request.headers.append(line.slice(0, colon), line.slice(colon + 2))
    }
  }

  /** Takes out what no key holds (B19), and what would make the answer less than the whole. */
  #strip(headers: RequestHeader['headers'], isFetch: boolean): void {
    const keyed = this.#options.cache.config.keys.headers
    const scheme = headers.has('x-forwarded-proto') ? requestScheme(headers) : null
    // As long as it says what Host says, which is in the key.
    const isOwnHost = headers.get('x-forwarded-host') === this.#fields().get('host')
    const dropped = new Set<string>()
    for (const [name] of headers) {
      const lower = name.toLowerCase()
      if (isFetch && SELECTIVE.has(lower)) dropped.add(lower)
      else if (isUnkeyed(lower, keyed) && !(isOwnHost && lower === 'x-forwarded-host')) dropped.add(lower)
    }
    for (const name of dropped) headers.remove(name)
    // The scheme is in the key.
    if (scheme !== null) headers.set('x-forwarded-proto', scheme)
  }

  begin(head: ResponseHead, attempt: Attempt): void {
    const { response, phases } = this.#options
    const state = this.#state
    this.#fill = null
    this.#held = null
    if (state.mode === 'off') {
      this.#try(() => this.#invalidate(head))
      response.begin(withStatus(head, this.#status({ forwardStatus: head.status })), attempt)
      return
    }
    this.#try(() => {
      if (this.#validates && this.#validated(head, attempt)) return
      if (isErrorStatus(head.status) && this.#stage.mayStandIn(null)) {
        attempt.discard(head)
        this.#stage.serveStale(head.status)
        return
      }
      this.#attempt = attempt
      this.#held = []
      this.#trailers = null
      response.filterUpstream(head, (filtered) => this.#try(() => this.#decide(head, filtered, attempt)))
    })
    if (phases.session.downstreamResponse === null && this.#held === null) return
  }

  chunk(chunk: Uint8Array): void {
    if (this.#held === null) {
      this.#options.response.chunk(chunk)
      return
    }
    this.#held.push(new Uint8Array(chunk))
    this.#attempt?.pause()
  }

  end(trailerBlock: string): void {
    if (this.#held === null) this.#options.response.end(trailerBlock)
    else this.#trailers = trailerBlock
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
    const state = this.#state
    const { entry, head: stored } = state
    if (entry === null || stored === null) return false
    if (head.status !== 304) return attempt.method === 'HEAD' && this.#comparedByHead(head, attempt)
    attempt.discard(head)
    state.count('revalidated')
    const request = { ...this.#storeRequest(attempt), method: 'GET' }
    const { store } = this.#options.cache.services
    const nowMs = now()
    const result = refreshedHead(stored, head.headerBlock, request, this.#arrival(head), this.#rules(), nowMs)
    if (result.kind === 'other') {
      // RFC 9111 §4.3.4: it says nothing about what is stored here.
      state.dropEntry()
      this.#options.upstream.repeat()
      return true
    }
    if (result.kind === 'not-stored') {
      state.letAllGo()
      store.purge(state.found?.key ?? state.primary, 'hard')
      this.#stage.serveValidated(stored)
      return true
    }
    store.refresh(entry, result.head)
    if (result.lifetimeMs > 0) state.releaseLead('stored')
    else state.letAllGo()
    this.#stage.serveValidated(result.head)
    return true
  }

  /** RFC 9111 §4.3.5: the answer to a HEAD validates what is stored, or shows that it is of the past. */
  #comparedByHead(head: ResponseHead, attempt: Attempt): boolean {
    const state = this.#state
    const { entry, head: stored } = state
    if (entry === null || stored === null || head.status !== stored.status) return false
    const { store } = this.#options.cache.services
    const fields = new BlockFields(head.headerBlock)
    const meta = decodeMeta(stored.meta)
    const request = { ...this.#storeRequest(attempt), method: 'GET' }
    const isSame = matchesHead(stored, meta.etag, fields, head.contentLength, entry.totalBytes)
    const result = isSame
      ? refreshedHead(stored, head.headerBlock, request, this.#arrival(head), this.#rules(), now())
      : null
    if (result?.kind !== 'refreshed') {
      store.purge(state.found?.key ?? state.primary, 'soft')
      return false
    }
    attempt.discard(head)
    store.refresh(entry, result.head)
    if (result.lifetimeMs > 0) state.releaseLead('stored')
    else state.letAllGo()
    this.#stage.serveValidated(result.head)
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
      this.#rules(),
    )
    const { maxEntryBytes } = cache.services.store
    const isTooLarge = head.contentLength !== null && head.contentLength > maxEntryBytes
    if (isWanted && decision.store && !isTooLarge && this.#store(head, response, attempt, decision.plan)) return
    if (attempt.method === 'HEAD') state.releaseLead('failed')
    // An error of the moment says nothing of the next answer.
    else if (response.code >= 500) state.letAllGo()
    else {
      state.releaseLead('uncacheable')
      if (!state.closed && response.code < 500) state.remember(false)
    }
    state.count('uncacheable')
    this.#passOn(head, response, attempt, false)
  }

  /** @returns false: the store does not take it */
  #store(head: ResponseHead, response: ResponseHeader, attempt: Attempt, plan: StorePlan): boolean {
    const { cache, phases } = this.#options
    const state = this.#state
    const { store } = cache.services
    const place = this.#place(plan)
    const stored = {
      status: response.code,
      statusText: response.text,
      headerBlock: responseBlock(response.headers),
      fields: response.headers,
    }
    const made = entryHead(stored, plan, this.#arrival(head), now(), place.vary)
    const { keys } = cache.config
    const tags = made.tags ?? []
    const entry =
      keys.headers.length + keys.cookies.length === 0 && phases.chain.places('cacheKey').length === 0
        ? made
        : { ...made, tags: [...tags, urlTag(state.primary.slice(0, state.primary.indexOf(URL_END)))] }
    const options = { requestedAtMs: this.#requestMs }
    if (!head.hasBody) {
      if (!store.put(place.key, entry, null)) return false
      this.#stored(plan)
      this.#passOn(head, response, attempt, true)
      return true
    }
    const transform = this.#options.response.upTransform()
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
    if (lengthBytes !== null && isReusable) fill.letIn()
    if (state.mode === 'plain') state.remember(true)
    this.#serveFill(fill, reader, entry, response)
    this.#release(attempt, (chunk) => fill.onAttemptBody(chunk), (trailers) => fill.onAttemptEnd(attempt, trailers, now()))
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
  #serveFill(
    fill: CacheFill,
    reader: NonNullable<ReturnType<CacheOptions['cache']['services']['store']['find']>>,
    entry: Parameters<typeof deliverStored>[0]['head'],
    response: ResponseHeader,
  ): void {
    const { phases, start } = this.#options
    const meta = { ...decodeMeta(entry.meta), headerBlock: responseBlock(response.headers) }
    this.#held = this.#held ?? []
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
      onBroken: () => undefined,
      onPumped: () => fill.onPumped(),
    })
    this.#pump = pump
    fill.attach(pump)
  }

  /** Where an answer is stored, and by what it is tied to others of its URL (RFC 9111 §4.1). */
  #place(plan: StorePlan): { readonly key: string; readonly vary: number } {
    const { cache } = this.#options
    const { primary, found } = this.#state
    const names = plan.vary
    if (names.length === 0) return { key: primary, vary: 0 }
    const known = found?.marker ?? null
    let id = known?.id ?? 0
    if (known === null || known.names.join() !== names.join()) {
      id = randomInt(1, 2 ** 31)
      cache.services.store.put(primary, varyHead(names, id, now()), null)
    }
    return { key: variantKey(primary, variance(names, this.#fields())), vary: id }
  }

  #passOn(head: ResponseHead, response: ResponseHeader, attempt: Attempt, stored: boolean): void {
    const status = this.#status({ forwardStatus: response.code, stored })
    response.headers.append('cache-status', cacheStatusLine(status))
    this.#options.response.deliver(head, response, attempt, false)
    this.#release(
      attempt,
      (chunk) => this.#options.response.chunk(chunk),
      (trailers) => this.#options.response.end(trailers),
    )
  }

  /** It is decided: what was held back goes on. */
  #release(attempt: Attempt, chunk: (bytes: Uint8Array) => void, end: (trailers: string) => void): void {
    const held = this.#held ?? []
    this.#held = null
    this.#attempt = null
    for (const bytes of held) chunk(bytes)
    if (this.#trailers !== null) end(this.#trailers)
    else if (held.length > 0) attempt.resume()
  }

  /** RFC 9111 §4.4: what an unsafe method has changed. */
  #invalidate(head: ResponseHead): void {
    const { cache, phases } = this.#options
    const request = phases.session.downstreamRequest
    if (request === null || !isUnsafe(request.method)) return
    const { keys } = cache.config
    const { headers, target } = request
    const parts = { scheme: requestScheme(headers), host: headers.get('host') ?? '', target }
    const { store } = cache.services
    const isPlain = keys.headers.length + keys.cookies.length === 0 && phases.chain.places('cacheKey').length === 0
    for (const url of invalidatedUrls(parts, head.status, new BlockFields(head.headerBlock), keys)) {
      if (isPlain) store.purge(url + URL_END, 'hard')
      else store.purgeTag(urlTag(url), 'hard')
    }
  }

  #status(more: Partial<CacheStatus>): CacheStatus {
    const { forward, primary } = this.#state
    const isShown = this.#options.cache.config.showKey && primary !== ''
    return { hit: false, forward, ...more, ...(isShown ? { key: primary } : {}) }
  }

  #rules() {
    const { cache, phases } = this.#options
    if (phases.chain.places('cacheVaryFilter').length === 0) return cache.rules
    return {
      ...cache.rules,
      vary: {
        ...cache.rules.vary,
        replace: (names: readonly string[]) =>
          phases.ask(
            'cacheVaryFilter',
            (filter, ctx) => filter.cacheVaryFilter?.(phases.session, names, ctx) ?? undefined,
          ) ?? names,
      },
    }
  }

  #storeRequest(attempt: Attempt): StoreRequest {
    const authorized = this.#fields().get('authorization') !== null
    return { method: attempt.method, authorized, noStore: this.#state.control.noStore }
  }

  #arrival(head: ResponseHead) {
    const { timing } = this.#options.phases.session
    const dateMs = head.date === undefined ? null : parseHttpDate(head.date)
    return { requestMs: this.#requestMs, responseMs: timing.upstreamResponseStart ?? now(), dateMs }
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

function withStatus(head: ResponseHead, status: CacheStatus): ResponseHead {
  return { ...head, headerBlock: `${head.headerBlock}cache-status: ${cacheStatusLine(status)}\r\n` }
}
