import { randomBytes } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import { type Downstream, LENGTH_CHUNKED } from '../acceptor/types.js'
import { findAnswer } from '../cache/lookup.js'
import type { CacheEvent } from '../cache/route-counters.js'
import {
  bypassReason,
  cacheKey,
  type Piece,
  requestControl,
  requestScheme,
  suitsAuthorization,
  verdict,
} from '../cache/rules/index.js'
import type { EntryHead, EntryStore, StoredEntry } from '../cache/store/index.js'
import { ageLine, storedAnswer } from '../cache/stored-answer.js'
import type { RouteConfig } from '../config/types.js'
import type { HeaderEdits } from '../filters/index.js'
import { cacheStatusLine } from '../lifecycle/index.js'
import type { CounterRow } from '../memory/index.js'
import { type GatewayCounter, statusCounter } from '../session/counters.js'
import { now } from '../time/index.js'
import { HitRequest, isAddedLater } from './hit-request.js'
import { type HitRoute, hitRoute } from './hit-route.js'
import { HitStream } from './hit-stream.js'

/** Bodies up to this go out in one call; larger ones as the client takes them. */
const WHOLE_BYTES = 64 * 1024
const EMPTY = new Uint8Array(0)

/** What the acceptor's thread needs to serve hits. */
export interface HitServices {
  /** Opened in this thread. */
  readonly store: EntryStore
  count(route: number, event: CacheEvent): void
  /** @param totalMs from the first byte of the request to the last of the answer that was given to the socket */
  record(route: number, totalMs: number): void
}

export interface CachedAnswersOptions {
  readonly routes: readonly RouteConfig[]
  /** As in `DispatcherOptions`. */
  readonly responseEdits: readonly (readonly HeaderEdits[])[]
  readonly hits: HitServices
  readonly counters: CounterRow<GatewayCounter>
  onServedHere?(exchange: Downstream, route: number, status: number): void
}

/**
 * Hits that need no worker: fresh answers out of shared memory, whole, as 304, to HEAD and in ranges (design §4, §8). Whatever else there is
 * to decide (stale, bypassed, not there) is left to a worker, which looks again.
 */
export class CachedAnswers {
  readonly #options: CachedAnswersOptions
  readonly #routes: (HitRoute | null)[]
  readonly #scratch = Buffer.allocUnsafeSlow(WHOLE_BYTES)
  #streams = 0

  constructor(options: CachedAnswersOptions) {
    this.#options = options
    this.#routes = options.routes.map(() => null)
  }

  /** Answers under way. */
  get streams(): number {
    return this.#streams
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
    if (!config.methods.some((known) => known === method)) return false
    const block = forwarding === '' ? head.headerBlock : head.headerBlock + forwarding
    const request = new HitRequest(block, hits.requestEdits)
    if (bypassReason(method, false, request) !== null || hits.bypasses(request, target)) return false
    const host = request.get('host') ?? head.host
    const scheme = forwarding === '' ? 'http' : requestScheme(request)
    const found = findAnswer(
      this.#options.hits.store,
      cacheKey({ scheme, host, target }, request, config.keys),
      request,
    )
    const { entry, head: stored, marker } = found
    if (entry === null || stored === null) return false
    const nowMs = now()
    const control = requestControl(request)
    const counts = config.requestControl === 'honour'
    if (
      (counts && control.noStore) ||
      verdict(stored, counts ? control : IGNORED, nowMs) !== 'fresh' ||
      !suitsAuthorization(stored, request.get('authorization') !== null) ||
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

  onFinish(exchange: Downstream, stream: HitStream): void {
    this.#end(stream)
    this.#finished(exchange, stream.route, exchange.bytesOut)
  }

  /** @param exchange it has broken off, on either side */
  onAbort(stream: HitStream): void {
    if (this.#end(stream)) this.#options.counters.add('aborted')
  }

  #end(stream: HitStream): boolean {
    if (!stream.close()) return false
    this.#streams -= 1
    return true
  }

  #answer(
    exchange: Downstream,
    route: number,
    hits: HitRoute,
    request: HitRequest,
    hit: {
      readonly entry: StoredEntry
      readonly head: EntryHead
      readonly key: string
      readonly nowMs: number
    },
  ): void {
    const { entry, head, nowMs } = hit
    const { method } = exchange.head
    const answer = storedAnswer(
      { method, fields: request },
      head,
      hits.metaOf(head),
      entry.totalBytes,
      boundary,
    )
    const ttlS = Math.floor((head.freshUntilMs - nowMs) / 1000)
    const status = cacheStatusLine({ hit: true, ttlS, ...(hits.config.showKey ? { key: hit.key } : {}) })
    const block = hits.finish(`${answer.headerBlock}${ageLine(head, nowMs)}cache-status: ${status}\r\n`)
    const text = answer.statusText === '' ? (STATUS_CODES[answer.status] ?? '') : answer.statusText
    const { lengthBytes, pieces } = answer
    const { counters, onServedHere } = this.#options
    counters.add(statusCounter(answer.status))
    onServedHere?.(exchange, route, answer.status)
    if (pieces.length > 0 && method !== 'HEAD' && (lengthBytes === null || lengthBytes > WHOLE_BYTES)) {
      const stream = new HitStream(exchange, route, answer.status, { entry, pieces }, () =>
        this.onAbort(stream),
      )
      this.#streams += 1
      exchange.writeHead(answer.status, text, block, lengthBytes)
      stream.start()
      return
    }
    const body = method === 'HEAD' || lengthBytes === null ? EMPTY : this.#gather(entry, pieces, lengthBytes)
    exchange.respond(answer.status, text, block, body, lengthBytes)
    entry.release()
    this.#finished(exchange, route, body.length)
  }

  #finished(exchange: Downstream, route: number, bytesOut: number): void {
    const { counters, hits } = this.#options
    counters.add('answered')
    if (bytesOut > 0) counters.add('bytes_out', bytesOut)
    hits.record(route, now() - exchange.head.startMs)
  }

  /** A small body in one piece: where it lies, or copied together. */
  #gather(entry: StoredEntry, pieces: readonly Piece[], lengthBytes: number): Uint8Array {
    const [only, another] = pieces
    if (only === undefined) return EMPTY
    if (another === undefined && !(only instanceof Uint8Array)) {
      const view = entry.read(only.first, lengthBytes)
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

/** What a request says where it does not count. */
const IGNORED = requestControl({ get: () => null })

/** As of `deliverStored`. */
function boundary(): string {
  return randomBytes(16).toString('hex')
}
