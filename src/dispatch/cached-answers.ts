import { isBodiless } from '../acceptor/answer-rules.js'
import { type Downstream, LENGTH_CHUNKED, type PromptReply, type RequestHead } from '../acceptor/types.js'
import { findAnswer } from '../cache/lookup.js'
import type { CacheEvent } from '../cache/route-counters.js'
import {
  bypassReason,
  cacheKey,
  FLAG_VARY,
  type Piece,
  requestControl,
  requestScheme,
  suitsAuthorization,
  verdict,
} from '../cache/rules/index.js'
import type { EntryStore, StoredEntry } from '../cache/store/index.js'
import type { RouteConfig } from '../config/types.js'
import type { HeaderEdits } from '../filters/index.js'
import { ownTimingLine } from '../lifecycle/index.js'
import { copyOutOfShared } from '../memory/index.js'
import type { AnswerCounts } from '../telemetry/index.js'
import { now } from '../time/index.js'
import { ALL, type Hit, NOTHING, selectedAnswer, wholeAnswer } from './hit-answer.js'
import { HitRequest, isAddedLater } from './hit-request.js'
import { type HitRoute, hitRoute } from './hit-route.js'
import { HitStream } from './hit-stream.js'
import { type KnownHit, KnownHits } from './known-hits.js'
import type { EndedHere, UnderWay } from './own-session.js'
import type { Router } from './router.js'
import type { SessionCounts } from './session-counts.js'

/** Bodies up to this go out in one call; larger ones as the client takes them. */
const WHOLE_BYTES = 64 * 1024
const EMPTY = new Uint8Array(0)

/** What a request says that says nothing, or where it does not count. */
const SILENT = requestControl({ get: () => null })

/** What the acceptor's thread needs to serve hits. */
export interface HitServices {
  /** Opened in this thread. */
  readonly store: EntryStore
  count(route: number, event: CacheEvent): void
}

export interface CachedAnswersOptions {
  readonly routes: readonly RouteConfig[]
  /** As in `DispatcherOptions`. */
  readonly responseEdits: readonly (readonly HeaderEdits[])[]
  readonly hits: HitServices
  readonly counts: SessionCounts
  readonly router: Pick<Router, 'looksAtFields'>
  readonly answers?: AnswerCounts
  /** As in `DispatcherOptions`. */
  readonly commonFields?: string
  /** As in `DispatcherOptions`. */
  readonly serverTiming?: boolean
  /** How clients come here. */
  readonly scheme: 'http' | 'https'
  readonly underWay: UnderWay
  onEndedHere?(end: EndedHere): void
}

/**
 * Hits that need no worker: fresh answers out of shared memory, whole, as 304, to HEAD and in ranges (design §4, §8). Whatever else there is
 * to decide (stale, bypassed, not there) is left to a worker, which looks again.
 */
export class CachedAnswers {
  readonly #options: CachedAnswersOptions
  readonly #routes: (HitRoute | null)[]
  readonly #known = new KnownHits()
  /** Routes are chosen by what {@link KnownHits} goes by. */
  readonly #goesByUrl: boolean
  readonly #scratch = Buffer.allocUnsafeSlow(WHOLE_BYTES)

  constructor(options: CachedAnswersOptions) {
    this.#options = options
    this.#routes = options.routes.map(() => null)
    this.#goesByUrl = !options.router.looksAtFields
  }

  /** None of these routes' filters must see hits. Until it is said of a route, workers serve all of it. */
  allow(routes: readonly number[]): void {
    const { routes: configs, responseEdits, commonFields = '' } = this.#options
    for (const index of routes) {
      const config = configs[index]
      if (config !== undefined)
        this.#routes[index] ??= hitRoute(config, responseEdits[index] ?? [], commonFields)
    }
  }

  /**
   * @param target in normal form
   * @param forwarding as of `Intake`
   * @returns false where a worker is needed
   */
  serve(exchange: Downstream, route: number, target: string, forwarding: string): boolean {
    const hits = this.#routes[route] ?? null
    if (hits === null) return false
    const { head } = exchange
    const { method, contentLength, upgrade } = head
    if (contentLength > 0 || contentLength === LENGTH_CHUNKED || upgrade !== '') return false
    const { config } = hits
    if (!(config.methods as readonly string[]).includes(method)) return false
    const block = forwarding === '' ? head.headerBlock : head.headerBlock + forwarding
    const request = new HitRequest(block, head.selects, hits.requestEdits)
    if (!request.isPlain && bypassReason(method, false, request) !== null) return false
    if (hits.bypasses(request, target)) return false
    // Where no filter changes it, it is what the guard has read.
    const host = request.isPlain ? head.host : (request.get('host') ?? head.host)
    const scheme = forwarding === '' ? this.#options.scheme : requestScheme(request)
    const found = findAnswer(
      this.#options.hits.store,
      cacheKey({ scheme, host, target }, request, config.keys),
      request,
    )
    const { entry, head: stored, marker } = found
    if (entry === null || stored === null) return false
    // It has come in this turn: another look at the clock would tell the same.
    const nowMs = head.startMs
    const counts = !request.isPlain && config.requestControl === 'honour'
    const control = counts ? requestControl(request) : SILENT
    if (
      control.noStore ||
      verdict(stored, control, nowMs) !== 'fresh' ||
      (!request.isPlain && !suitsAuthorization(stored, request.get('authorization') !== null)) ||
      (marker?.names.some(isAddedLater) ?? false)
    ) {
      entry.release()
      return false
    }
    entry.touch()
    this.#options.hits.count(route, 'hits')
    this.#answer(exchange, route, hits, request, {
      entry,
      head: stored,
      key: found.key,
      isVariant: marker !== null,
      nowMs,
    })
    return true
  }

  /**
   * The same for a request that differs in nothing that counts from one served before: what was found out about that is not found out again.
   * @returns false: it is not known
   */
  serveKnown(head: RequestHead, reply: PromptReply): boolean {
    const known = this.#known.find(head)
    if (known === null) return false
    const { entry } = known
    if (!entry.hold()) {
      this.#known.forget(head)
      return false
    }
    try {
      return this.#answerKnown(head, reply, known)
    } finally {
      entry.release()
    }
  }

  #answerKnown(head: RequestHead, reply: PromptReply, { entry, hits, key, route }: KnownHit): boolean {
    const stored = entry.head()
    const nowMs = head.startMs
    if (stored === null || (stored.flags & FLAG_VARY) !== 0 || verdict(stored, SILENT, nowMs) !== 'fresh')
      return false
    const { totalBytes } = entry
    const body =
      totalBytes === null ? null : this.#gather(entry, totalBytes === 0 ? NOTHING : ALL, totalBytes)
    if (body === null || body.length !== totalBytes) return false
    const { counts, answers, hits: services } = this.#options
    const { status, statusText, headerBlock } = wholeAnswer(hits, { entry, head: stored, key, nowMs })
    counts.requests.add()
    counts.status(status)
    answers?.add(route, head.method, status)
    entry.touch()
    services.count(route, 'hits')
    reply.respond(status, statusText, headerBlock + this.#timing(head), body)
    this.#ended(head, route, status, body.length, true)
    return true
  }

  #answer(exchange: Downstream, route: number, hits: HitRoute, request: HitRequest, hit: Hit): void {
    const { entry } = hit
    const { method } = exchange.head
    const answer = request.isPlain ? wholeAnswer(hits, hit) : selectedAnswer(hits, hit, method, request)
    const { status, statusText, lengthBytes, pieces } = answer
    const headerBlock = answer.headerBlock + this.#timing(exchange.head)
    const { counts, answers, underWay } = this.#options
    counts.status(status)
    answers?.add(route, method, status)
    if (pieces.length > 0 && method !== 'HEAD' && (lengthBytes === null || lengthBytes > WHOLE_BYTES)) {
      const stream = new HitStream(exchange, { route, status }, { entry, pieces }, (isSent) => {
        underWay.answers -= 1
        this.#ended(exchange.head, route, status, exchange.bytesOut, isSent)
      })
      underWay.answers += 1
      exchange.writeHead(status, statusText, headerBlock, lengthBytes)
      stream.start()
      return
    }
    const body = method === 'HEAD' || lengthBytes === null ? EMPTY : this.#gather(entry, pieces, lengthBytes)
    exchange.respond(status, statusText, headerBlock, body, lengthBytes)
    entry.release()
    this.#ended(exchange.head, route, status, body.length, true)
    const goesByUrl = this.#goesByUrl && hits.goesByUrl && request.isPlain && !isBodiless(status)
    if (goesByUrl && !hit.isVariant && pieces.length < 2)
      this.#known.add(exchange.head, { host: exchange.head.host, route, hits, key: hit.key, entry })
  }

  #timing({ startMs }: RequestHead): string {
    return this.#options.serverTiming === true ? ownTimingLine(startMs, now(), 'hit') : ''
  }

  #ended(head: RequestHead, route: number, status: number, bytesOut: number, isSent: boolean): void {
    const { counts, onEndedHere } = this.#options
    if (isSent) counts.answered(bytesOut)
    else counts.aborted()
    onEndedHere?.({ head, route, status, error: null, bytesOut, isSent, isHit: true })
  }

  /** A small body in one piece: where it lies, or copied together. */
  #gather(entry: StoredEntry, pieces: readonly Piece[], lengthBytes: number): Uint8Array {
    const [only, another] = pieces
    if (only === undefined) return EMPTY
    if (another === undefined && !(only instanceof Uint8Array)) {
      const view = only.first === 0 ? entry.whole() : entry.read(only.first, lengthBytes)
      if (view !== null && view.length === lengthBytes) return view
    }
    const scratch = this.#scratch
    let taken = 0
    for (const piece of pieces) {
      if (piece instanceof Uint8Array) {
        scratch.set(piece, taken)
        taken += piece.length
        continue
      }
      const last = Math.min(piece.last, entry.bodyBytes - 1)
      for (let at = piece.first; at <= last; ) {
        const view = entry.read(at, last - at + 1)
        if (view === null) break
        copyOutOfShared(scratch, taken, view)
        taken += view.length
        at += view.length
      }
    }
    return scratch.subarray(0, taken)
  }
}
