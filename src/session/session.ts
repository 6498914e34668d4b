import { type PathParams, type PathPattern, pathParams } from '../routing/index.js'
import type { ClientCertificate } from './client-certificate.js'
import { SessionClosed } from './errors.js'
import {
  type ReadonlyRequestHeader,
  type ReadonlyResponseHeader,
  type RequestHeader,
  type ResponseHeader,
  viewRequest,
  viewResponse,
} from './message-headers.js'
import { ResourceScope } from './resource-scope.js'
import type { SessionOrigin } from './session-origin.js'
import { createTiming, type SessionTiming } from './timing.js'

export type { SessionOrigin } from './session-origin.js'

/** Health of a peer as all workers see it (contract A-55). */
export type HealthTag = 'healthy' | 'unhealthy' | 'unknown' | 'maintenance'

/** One server of an upstream (contract A-54). */
export interface Peer {
  /** Name or address, IPv6 without brackets; the path of a Unix socket. */
  readonly address: string
  /** The name in the configuration that `address` was resolved from; absent where the peer was not resolved. */
  readonly name?: string | undefined
  /** 0 for a Unix socket. */
  readonly port: number
  readonly healthStatus: HealthTag
}

/** What the cache said about a request (contract A-47). */
export interface CacheLookupResult {
  readonly status: 'hit' | 'miss' | 'stale' | 'bypass'
}

/**
 * All state of one HTTP request on its way through the gateway (contract A-01…A-15). It belongs to one worker thread, and is
 * valid until its `logging` phase has ended: after that every access throws {@link SessionClosed} (A-75).
 */
export class Session<UserCtx = unknown> {
  readonly #origin: SessionOrigin
  readonly #routeName: string
  readonly #pattern: PathPattern | null
  readonly #target: string
  #params: PathParams | null = null
  readonly #timing: SessionTiming
  #allocator: ResourceScope | null = null
  #request: RequestHeader | null = null
  #response: ResponseHeader | null = null
  #requestView: ReadonlyRequestHeader | null = null
  #responseView: ReadonlyResponseHeader | null = null
  #requestBody: Readonly<Uint8Array> | null = null
  #responseBody: Uint8Array | null = null
  #peer: Peer | null = null
  #cacheResult: CacheLookupResult | null = null
  #cacheEnabled = false
  #requestSent = false
  #responseReceived = false
  #retryCount = 0
  #userCtx: UserCtx | null = null
  #closed = false

  /** A session without a request yet: the first phase sets `downstreamRequest` (A-61). */
  constructor(origin: SessionOrigin, routeName: string, pattern: PathPattern | null = null, target = '') {
    this.#origin = origin
    this.#routeName = routeName
    this.#pattern = pattern
    this.#target = target
    this.#timing = createTiming(origin.startMs)
  }

  /** Owner of everything the session must give back (A-02). */
  get allocator(): ResourceScope {
    this.#live()
    this.#allocator ??= new ResourceScope()
    return this.#allocator
  }

  /** The client's request; null only on a session that has none yet (A-03). */
  get downstreamRequest(): RequestHeader | null {
    this.#live()
    return this.#request
  }
  set downstreamRequest(head: RequestHeader | null) {
    this.#live()
    this.#request = head
    this.#requestView = null
  }

  /** The answer; null until there is one (A-04). */
  get downstreamResponse(): ResponseHeader | null {
    this.#live()
    return this.#response
  }
  set downstreamResponse(head: ResponseHeader | null) {
    this.#live()
    this.#response = head
    this.#responseView = null
  }

  /**
   * The request body if the route buffers it and there is one, else null (A-05). May be replaced as a whole, also on a request
   * without one; Content-Length follows.
   */
  get requestBody(): Readonly<Uint8Array> | null {
    this.#live()
    return this.#requestBody
  }
  set requestBody(body: Readonly<Uint8Array> | null) {
    this.#live()
    this.#requestBody = body
  }

  /** The response body if the route buffers it, else null; may be changed or replaced, Content-Length follows (A-06). */
  get responseBody(): Uint8Array | null {
    this.#live()
    return this.#responseBody
  }
  set responseBody(body: Uint8Array | null) {
    this.#live()
    this.#responseBody = body
  }

  /** The peer of the current attempt (A-07). */
  get upstreamPeer(): Peer | null {
    this.#live()
    return this.#peer
  }
  set upstreamPeer(peer: Peer | null) {
    this.#live()
    this.#peer = peer
  }

  /** What the cache said; null before the lookup and when caching is off (A-08). */
  get cacheResult(): CacheLookupResult | null {
    this.#live()
    return this.#cacheResult
  }
  set cacheResult(result: CacheLookupResult | null) {
    this.#live()
    this.#cacheResult = result
  }

  /** Whether the response may be stored (A-09). */
  get cacheEnabled(): boolean {
    this.#live()
    return this.#cacheEnabled
  }
  set cacheEnabled(enabled: boolean) {
    this.#live()
    this.#cacheEnabled = enabled
  }

  get timing(): SessionTiming {
    this.#live()
    return this.#timing
  }

  /** The request has been sent upstream; false again before a retry (A-11). */
  get requestSent(): boolean {
    this.#live()
    return this.#requestSent
  }
  set requestSent(sent: boolean) {
    this.#live()
    this.#requestSent = sent
  }

  /** The upstream's response has been received; false again before a retry (A-12). */
  get responseReceived(): boolean {
    this.#live()
    return this.#responseReceived
  }
  set responseReceived(received: boolean) {
    this.#live()
    this.#responseReceived = received
  }

  /** Retries so far, never negative, never fractional (A-13). */
  get retryCount(): number {
    this.#live()
    return this.#retryCount
  }
  set retryCount(count: number) {
    this.#live()
    if (!Number.isInteger(count) || count < 0)
      throw new RangeError(`retryCount must be a whole number, not ${count}`)
    this.#retryCount = count
  }

  /** For the user; null initially (A-14). */
  get userCtx(): UserCtx | null {
    this.#live()
    return this.#userCtx
  }
  set userCtx(ctx: UserCtx | null) {
    this.#live()
    this.#userCtx = ctx
  }

  /** The request, read-only; follows later changes (A-16). */
  reqHeader(): ReadonlyRequestHeader | null {
    this.#live()
    if (this.#request === null) return null
    this.#requestView ??= viewRequest(this.#request)
    return this.#requestView
  }

  /** The request, to be changed: what is changed reaches the upstream (A-20). */
  reqHeaderMut(): RequestHeader | null {
    return this.downstreamRequest
  }

  /** The response, read-only; null before there is one (A-27). */
  respHeader(): ReadonlyResponseHeader | null {
    this.#live()
    if (this.#response === null) return null
    this.#responseView ??= viewResponse(this.#response)
    return this.#responseView
  }

  /** The response, to be changed before it is sent (A-29). */
  respHeaderMut(): ResponseHeader | null {
    return this.downstreamResponse
  }

  /** Has `release` run when the session ends, in reverse order of registration (A-02). */
  defer(release: () => void): void {
    this.allocator.defer(release)
  }

  /** `req-<uuid>`, the same in log, upstream header and answer (A-23). */
  requestId(): string {
    this.#live()
    return this.#origin.requestId
  }

  /**
   * Address of the client without brackets: the connection's other end, or the first address that is not a trusted proxy
   * (`forwarding.trustedProxies`).
   */
  clientAddress(): string {
    this.#live()
    return this.#origin.remoteAddress
  }

  /** How the client came to this gateway, `https` over TLS; what a proxy before it says is another matter. */
  scheme(): 'http' | 'https' {
    this.#live()
    return this.#origin.scheme ?? 'http'
  }

  /** Who the client is by its certificate; null when none was asked for (`tls.clientAuth`) or shown. */
  clientCertificate(): ClientCertificate | null {
    this.#live()
    return this.#origin.clientCertificate ?? null
  }

  /** Name of the route that matched. */
  routeName(): string {
    this.#live()
    return this.#routeName
  }

  /**
   * Parameters of the route's path: `{ id: '7' }` for `/users/:id`, and under `*` what `/*` at its end stands for. As they stand in the path
   * in normal form, percent-escapes untouched; of what the client asked for, whatever filters have made of the target.
   */
  params(): PathParams {
    this.#live()
    if (this.#params === null) {
      const mark = this.#target.indexOf('?')
      const path = mark < 0 ? this.#target : this.#target.slice(0, mark)
      this.#params = Object.freeze(
        this.#pattern === null ? Object.create(null) : pathParams(this.#pattern, path),
      ) as PathParams
    }
    return this.#params
  }

  /** Ends the session: releases what it owns and shuts its accessors. Idempotent. @returns errors of releases. */
  deinit(): unknown[] {
    if (this.#closed) return []
    this.#closed = true
    return this.#allocator?.dispose() ?? []
  }

  [Symbol.dispose](): void {
    this.deinit()
  }

  #live(): void {
    if (this.#closed) throw new SessionClosed()
  }
}
