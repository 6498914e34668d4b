import { randomBytes } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import { type Downstream, LENGTH_CHUNKED } from '../acceptor/types.js'
import { findAnswer } from '../cache/lookup.js'
import type { CacheEvent } from '../cache/route-counters.js'
import {
  ageS,
  bypassReason,
  cacheKey,
  type Piece,
  requestControl,
  requestScheme,
  suitsAuthorization,
  verdict,
} from '../cache/rules/index.js'
import type { EntryHead, EntryStore, StoredEntry } from '../cache/store/index.js'
import { ageLine, type StoredAnswer, storedAnswer } from '../cache/stored-answer.js'
import type { RouteConfig } from '../config/types.js'
import type { HeaderEdits } from '../filters/index.js'
import { cacheStatusLine } from '../lifecycle/index.js'
import type { AnswerCounts } from '../telemetry/index.js'
import { HitRequest, isAddedLater } from './hit-request.js'
import { type HitRoute, hitRoute } from './hit-route.js'
import { HitStream } from './hit-stream.js'
import type { EndedHere, UnderWay } from './own-session.js'
import type { SessionCounts } from './session-counts.js'

/** Bodies up to this go out in one call; larger ones as the client takes them. */
const WHOLE_BYTES = 64 * 1024
const EMPTY = new Uint8Array(0)

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
  readonly answers?: AnswerCounts
  /** As in `DispatcherOptions`. */
  readonly commonFields?: string
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
  readonly #scratch = Buffer.allocUnsafeSlow(WHOLE_BYTES)

  constructor(options: CachedAnswersOptions) {
    this.#options = options
    this.#routes = options.routes.map(() => null)
  }

  /** None of these routes' filters must see hits. Until it is said of a route, workers serve all of it. */
  allow(routes: readonly number[]): void {
    const { routes: configs, responseEdits } = this.#options
    for (const index of routes) {
      const config = configs[index]
      if (config !== undefined) this.#routes[index] ??= hitRoute(config, responseEdits[index] ?? [])
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
    const request = new HitRequest(block, hits.requestEdits)
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
    this.#answer(exchange, route, hits, request, { entry, head: stored, key: found.key, nowMs })
    return true
  }

  #answer(exchange: Downstream, route: number, hits: HitRoute, request: HitRequest, hit: Hit): void {
    const { entry } = hit
    const { method } = exchange.head
    const answer = request.isPlain ? wholeAnswer(hits, hit) : selectedAnswer(hits, hit, method, request)
    const { status, statusText, lengthBytes, pieces } = answer
    const { counts, answers, underWay, commonFields = '' } = this.#options
    const headerBlock = answer.headerBlock + commonFields
    counts.status(status)
    answers?.add(route, method, status)
    if (pieces.length > 0 && method !== 'HEAD' && (lengthBytes === null || lengthBytes > WHOLE_BYTES)) {
      const stream = new HitStream(exchange, { route, status }, { entry, pieces }, (isSent) => {
        underWay.answers -= 1
        this.#ended(exchange, route, status, exchange.bytesOut, isSent)
      })
      underWay.answers += 1
      exchange.writeHead(status, statusText, headerBlock, lengthBytes)
      stream.start()
      return
    }
    const body = method === 'HEAD' || lengthBytes === null ? EMPTY : this.#gather(entry, pieces, lengthBytes)
    exchange.respond(status, statusText, headerBlock, body, lengthBytes)
    entry.release()
    this.#ended(exchange, route, status, body.length, true)
  }

  #ended({ head }: Downstream, route: number, status: number, bytesOut: number, isSent: boolean): void {
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
        scratch.set(view, taken)
        taken += view.length
        at += view.length
      }
    }
    return scratch.subarray(0, taken)
  }
}

/** What was found for a request. */
interface Hit {
  readonly entry: StoredEntry
  readonly head: EntryHead
  readonly key: string
  readonly nowMs: number
}

const ALL: readonly Piece[] = [{ first: 0, last: Number.POSITIVE_INFINITY }]
const NOTHING: readonly Piece[] = []

/** What most requests get: the whole. */
function wholeAnswer(hits: HitRoute, hit: Hit): StoredAnswer {
  const { entry, head } = hit
  const prepared = hits.prepared(head)
  const age = ageS(head, hit.nowMs)
  const ttlS = Math.floor((head.freshUntilMs - hit.nowMs) / 1000)
  if (prepared.ageS !== age || prepared.ttlS !== ttlS) {
    prepared.block = hits.finish(prepared.meta.headerBlock + changingLines(hits, hit))
    prepared.ageS = age
    prepared.ttlS = ttlS
  }
  const lengthBytes = entry.totalBytes
  return {
    status: head.status,
    statusText: prepared.statusText,
    headerBlock: prepared.block,
    lengthBytes,
    pieces: lengthBytes === 0 ? NOTHING : ALL,
  }
}

/** What a request gets that asks for a part, or under a condition. */
function selectedAnswer(hits: HitRoute, hit: Hit, method: string, fields: HitRequest): StoredAnswer {
  const { meta } = hits.prepared(hit.head)
  const answer = storedAnswer({ method, fields }, hit.head, meta, hit.entry.totalBytes, boundary)
  return {
    ...answer,
    statusText: answer.statusText === '' ? (STATUS_CODES[answer.status] ?? '') : answer.statusText,
    headerBlock: hits.finish(answer.headerBlock + changingLines(hits, hit)),
  }
}

/** Age and Cache-Status. */
function changingLines({ config }: HitRoute, { head, key, nowMs }: Hit): string {
  const ttlS = Math.floor((head.freshUntilMs - nowMs) / 1000)
  const status = cacheStatusLine({ hit: true, ttlS, ...(config.showKey ? { key } : {}) })
  return `${ageLine(head, nowMs)}cache-status: ${status}\r\n`
}

/** What a request says that says nothing, or where it does not count. */
const SILENT = requestControl({ get: () => null })

/** As of `deliverStored`. */
function boundary(): string {
  return randomBytes(16).toString('hex')
}
