import type { HookName } from '../lifecycle/filter-chain.js'
import type { GatewayError } from '../session/errors.js'
import type { ReadonlyHeaders } from '../session/headers.js'
import type { Peer } from '../session/session.js'
import type { SessionTiming } from '../session/timing.js'

/** Header fields by name, or as pairs. */
export type TestHeaders =
  | Readonly<Record<string, string | readonly string[]>>
  | Iterable<readonly [name: string, value: string]>

type Piece = string | Uint8Array

/** A body: whole, so that its length is announced, or in pieces (chunked). Strings are UTF-8. What throws midway breaks off there. */
export type TestBody = Piece | Iterable<Piece> | AsyncIterable<Piece>

/** A request as a client sends it. */
export interface TestRequest {
  /** Default `GET`. */
  readonly method?: string
  /** Path and query. Default `/`. */
  readonly path?: string
  /** Default: `host: test`. */
  readonly headers?: TestHeaders
  readonly body?: TestBody
  /** Default `203.0.113.1`. */
  readonly remoteAddress?: string
  /** Default: a fresh one. */
  readonly requestId?: string
  /** The client leaves when it is aborted. */
  readonly signal?: AbortSignal
}

/** What the upstream of a test answers. */
export interface TestUpstreamAnswer {
  /** Default 200. */
  readonly status?: number
  readonly statusText?: string
  readonly headers?: TestHeaders
  /** Default: none, `Content-Length: 0`. */
  readonly body?: TestBody
  readonly trailers?: TestHeaders
  /** Sent before the answer, e.g. `{ status: 103, headers: { link: '</a.css>' } }`. */
  readonly informational?: readonly { readonly status: number; readonly headers?: TestHeaders }[]
  /** Answer as soon as there is a connection, without waiting for the request's body. Default false. */
  readonly early?: boolean
}

/** A request as an upstream sees it. */
export interface TestUpstreamRequest {
  readonly peer: Peer
  /** From 1, counting all attempts of one session. */
  readonly attempt: number
  readonly method: string
  readonly target: string
  readonly headers: ReadonlyHeaders
  /** Announced length; null: chunked, or no body at all. */
  readonly contentLength: number | null
  /** The body once it has come; rejects if it never will. */
  readonly body: Promise<Uint8Array>
  /** What has come of the body so far. */
  readonly received: Uint8Array
  /** All of the request has come. */
  readonly complete: boolean
}

/**
 * Answers for the upstream. What it throws is the fault of the attempt: `connectionRefused()`, `connectionClosed()` or any
 * GatewayError as it is, anything else as a connection that closes without an answer. A promise that stays open is a slow upstream.
 */
export type TestUpstream = (request: TestUpstreamRequest) => TestUpstreamAnswer | Promise<TestUpstreamAnswer>

export interface TestFilterOptions {
  /** Default: 200 with the body `ok`. */
  readonly upstream?: TestUpstream
  /** Number of peers of the upstream: 127.0.0.1:9001, :9002 and so on. Default 1. */
  readonly peers?: number
  /** Retries after the first attempt. Default 3. */
  readonly maxRetries?: number
  /** Of the route, beside what the filters ask for. Default false. */
  readonly bufferRequestBody?: boolean
  readonly bufferResponseBody?: boolean
  /** Default 1 MiB. */
  readonly bufferedBodyBytes?: number
  /** Longest an asynchronous hook may take, passed with `advance`. Default 30000. */
  readonly filterMs?: number
  /** Passed with `advance`; 0 is off. */
  readonly timeouts?: {
    /** Default 15000. */
    readonly headersMs?: number
    /** Default 60000. */
    readonly totalMs?: number
  }
  /** Client and upstream are slow: after so many bytes they say wait, and go on in a later turn. Default: never. */
  readonly windowBytes?: number
  /** The upstream's connections come from the pool, unless a fresh one is asked for. Default false. */
  readonly pooled?: boolean
  /** The route has a cache with all defaults, which the requests of a kit share. Default false. */
  readonly cache?: boolean
  /** Path of the route, e.g. `/users/:id`, for `session.params`; the request's path has to match it. Default: without parameters. */
  readonly routePath?: string
  /** Name of the route. Default `test`. */
  readonly routeName?: string
}

/** The session as it was when it ended, as plain data. */
export interface SessionSnapshot {
  readonly requestId: string
  readonly method: string | null
  readonly target: string | null
  readonly responseStatus: number | null
  readonly requestBody: Uint8Array | null
  readonly responseBody: Uint8Array | null
  readonly upstreamPeer: Peer | null
  readonly cacheEnabled: boolean
  readonly cacheStatus: string | null
  readonly timing: SessionTiming
  readonly requestSent: boolean
  readonly responseReceived: boolean
  readonly retryCount: number
  readonly userCtx: unknown
  /** The lines of `describeSession`. */
  readonly description: string
}

/** What became of a request. */
export interface TestAnswer {
  /** 0 if no answer was sent. */
  readonly status: number
  readonly statusText: string
  readonly headers: ReadonlyHeaders
  /** Announced length; null: chunked, or not announced. */
  readonly contentLength: number | null
  readonly body: Uint8Array
  /** The body as UTF-8. */
  text(): string
  readonly trailers: ReadonlyHeaders
  readonly informational: readonly { readonly status: number; readonly headers: ReadonlyHeaders }[]
  /** There is no answer, or it broke off. */
  readonly aborted: boolean
  /** What the session ended with; null if all went well. */
  readonly error: GatewayError | null
  /** One for each attempt that reached an upstream, also a refused one. */
  readonly upstreamRequests: readonly TestUpstreamRequest[]
  /** Hooks in the order in which they were called. */
  readonly phases: readonly HookName[]
  /** The same with the names of the filters. */
  readonly calls: readonly { readonly filter: string; readonly hook: HookName }[]
  readonly session: SessionSnapshot
}
