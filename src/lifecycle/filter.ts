import type { GatewayError, RetryDecision } from '../session/errors.js'
import type { Headers } from '../session/headers.js'
import type { ReadonlyResponseHeader, RequestHeader, ResponseHeader } from '../session/message-headers.js'
import type { Peer, Session } from '../session/session.js'
import type { FilterResponse, FilterResult } from './results.js'

type Awaitable<T> = T | Promise<T>
/** A filter may return nothing at all. */
// biome-ignore lint/suspicious/noConfusingVoidType: a hook without a return statement has type void
type Optional<T> = T | undefined | void

/** What happened to a piece of body: unchanged (nothing), dropped (null), or replaced. */
export type BodyResult = Awaitable<Optional<Uint8Array | null>>

/** An answer in the cache, as `cacheHitFilter` sees it. */
export interface CachedAnswer {
  readonly response: ReadonlyResponseHeader
  /** Seconds since it was made or validated. */
  readonly ageS: number
  /** Seconds that it will be fresh; negative when it is stale. */
  readonly ttlS: number
}

/**
 * The phases of a session (contract A-61…A-69), all optional; absent ones cost nothing. They run in the order of this
 * interface, filters in the order of the route. What a hook throws ends its own session only: 500 in the filter's name, 400 if it is
 * a `SyntaxError` or `InvalidRequest` of a request phase, its own status if it is a `GatewayError`. A promise that does not
 * settle within `limits.filter` counts as thrown. After the session has ended no hook is called any more.
 *
 * Each filter has a context of its own per session: what `newCtx` returns is the last argument of every hook.
 */
export interface Filter<Ctx = unknown> {
  /** Stands in logs and errors. */
  readonly name: string
  /** Have the request body buffered before `requestFilter` (`session.requestBody`), up to `limits.bufferedBody`: else 413. */
  readonly bufferRequestBody?: boolean
  /** Have the response body buffered before `responseFilter` (`session.responseBody`), up to `limits.bufferedBody`: else 502. */
  readonly bufferResponseBody?: boolean

  /** Makes the context, once per session. If it throws, no other hook of this filter runs in the session. */
  newCtx?(): Ctx
  /** First look at the request, before its body is buffered. */
  earlyRequestFilter?(session: Session, ctx: Ctx): Awaitable<Optional<FilterResult>>
  /** May change the request, reject it, or answer it. */
  requestFilter?(session: Session, ctx: Ctx): Awaitable<Optional<FilterResult>>
  /** On routes with a cache: false sends this request past it, and its answer is not stored. */
  requestCacheFilter?(session: Session, ctx: Ctx): Optional<boolean>
  /**
   * A text of your own that is part of the key, beside the URL, which always is. What all filters say counts.
   */
  cacheKey?(session: Session, ctx: Ctx): Optional<string>
  /** An answer is stored. `fresh` and `expired` overrule its age, `miss` has it fetched as if it were not there. */
  cacheHitFilter?(session: Session, answer: CachedAnswer, ctx: Ctx): Optional<'fresh' | 'expired' | 'miss'>
  /** Nothing that is stored will do: the upstream will be asked. */
  cacheMiss?(session: Session, ctx: Ctx): void
  /** The cache has nothing: last stop before the upstream is asked. */
  proxyUpstreamFilter?(session: Session, ctx: Ctx): Awaitable<Optional<FilterResult>>
  /** Chooses the peer of this attempt from those not tried yet; nothing, or any other peer, leaves it to the balancer. */
  upstreamPeer?(session: Session, candidates: readonly Peer[], ctx: Ctx): Awaitable<Optional<Peer | null>>
  /** Edits what goes to the upstream: a copy made for this attempt. */
  upstreamRequestFilter?(
    session: Session,
    request: RequestHeader,
    ctx: Ctx,
  ): Awaitable<Optional<FilterResult>>
  /**
   * A piece of the request body on its way up, in order; exactly one call per attempt has `endOfStream`, maybe with an empty
   * piece. Runs again on the same bytes when an attempt is repeated, and not at all on a request without a body. With
   * buffering, and for small bodies, the piece is the whole.
   */
  requestBodyFilter?(session: Session, chunk: Uint8Array, endOfStream: boolean, ctx: Ctx): BodyResult
  /** A connection is at hand, fresh or reused. */
  connectedToUpstream?(
    session: Session,
    connection: { readonly peer: Peer; readonly reused: boolean },
    ctx: Ctx,
  ): void
  /** Connecting failed, nothing was sent. May overrule the retry decision. */
  failToConnect?(session: Session, error: GatewayError, ctx: Ctx): Optional<RetryDecision>
  /** The upstream's response head. May ask for a retry, or answer otherwise. */
  upstreamResponseFilter?(
    session: Session,
    response: ResponseHeader,
    ctx: Ctx,
  ): Awaitable<Optional<FilterResult>>
  /** An answer that may be stored, as `upstreamResponseFilter` left it: false keeps it from being stored. */
  responseCacheFilter?(session: Session, response: ReadonlyResponseHeader, ctx: Ctx): Optional<boolean>
  /** Names of request headers, in lower case, by which the answer differs: may be replaced. */
  cacheVaryFilter?(session: Session, names: readonly string[], ctx: Ctx): Optional<readonly string[]>
  /**
   * A stale answer is at hand and may be used: false forbids it. `error` is why the upstream could not be asked, null when the answer would be
   * validated in the background, or the upstream has answered 500, 502, 503 or 504.
   */
  shouldServeStale?(session: Session, error: GatewayError | null, ctx: Ctx): Optional<boolean>
  /**
   * The upstream's body is about to come: false has it pass this filter's `upstreamResponseBodyFilter` unseen, and keep its length.
   * `lengthBytes` is null when nobody knows. Called for HEAD too, where no body follows.
   */
  upstreamResponseBodyStart?(session: Session, lengthBytes: number | null, ctx: Ctx): Optional<boolean>
  /**
   * A piece of the response body as it came from the upstream; exactly one call has `endOfStream`, with an empty piece unless the
   * body is buffered. Not called where there is no content: HEAD, 204, 205, 304.
   */
  upstreamResponseBodyFilter?(session: Session, chunk: Uint8Array, endOfStream: boolean, ctx: Ctx): BodyResult
  /** Trailer fields of the response, if any came, behind the last piece of the body. */
  upstreamResponseTrailerFilter?(session: Session, trailers: Headers, ctx: Ctx): void
  /**
   * Every answer, also one made by a filter or by the gateway itself, before its head is sent. On those it may edit the
   * head; a result is for the upstream's answers only.
   */
  responseFilter?(session: Session, ctx: Ctx): Awaitable<Optional<FilterResult>>
  /**
   * A body of the upstream or the cache is about to go down; the head may still be changed. False has it pass this filter's
   * `responseBodyFilter` unseen, and keep its length. `lengthBytes` is null when nobody knows. Called for HEAD too, where no body
   * follows, and not for answers that a filter or the gateway itself makes.
   */
  responseBodyStart?(session: Session, lengthBytes: number | null, ctx: Ctx): Optional<boolean>
  /** A piece of the upstream's response body on its way down, as `upstreamResponseBodyFilter` left it. */
  responseBodyFilter?(session: Session, chunk: Uint8Array, endOfStream: boolean, ctx: Ctx): BodyResult
  /** Trailer fields on their way down. */
  responseTrailerFilter?(session: Session, trailers: Headers, ctx: Ctx): void
  /** An attempt failed after its connection was made. May overrule the retry decision. */
  errorWhileProxy?(session: Session, error: GatewayError, ctx: Ctx): Optional<RetryDecision>
  /** The session failed for good and nothing was sent yet: may give an answer of its own. If it fails, the error document is sent. */
  failToProxy?(session: Session, error: GatewayError, ctx: Ctx): Awaitable<Optional<FilterResponse>>
  /** True: no error line for this failure. */
  suppressErrorLog?(session: Session, error: GatewayError, ctx: Ctx): boolean
  /** Text that stands in the error line beside method and path. */
  requestSummary?(session: Session, ctx: Ctx): string
  /** Exactly once per session, on every path, last (`error` is null if it went well). */
  logging?(session: Session, error: GatewayError | null, ctx: Ctx): Awaitable<void>
  /** Once for each context made, after `logging`. */
  freeCtx?(ctx: Ctx): void
}

/** Names of all hooks a filter may have, for the check that none is misspelt. */
export const HOOK_NAMES = [
  'newCtx',
  'earlyRequestFilter',
  'requestFilter',
  'requestCacheFilter',
  'cacheKey',
  'cacheHitFilter',
  'cacheMiss',
  'proxyUpstreamFilter',
  'upstreamPeer',
  'upstreamRequestFilter',
  'requestBodyFilter',
  'connectedToUpstream',
  'failToConnect',
  'upstreamResponseFilter',
  'responseCacheFilter',
  'cacheVaryFilter',
  'shouldServeStale',
  'upstreamResponseBodyStart',
  'upstreamResponseBodyFilter',
  'upstreamResponseTrailerFilter',
  'responseFilter',
  'responseBodyStart',
  'responseBodyFilter',
  'responseTrailerFilter',
  'errorWhileProxy',
  'failToProxy',
  'suppressErrorLog',
  'requestSummary',
  'logging',
  'freeCtx',
] as const satisfies readonly (keyof Filter)[]

/** Makes a filter from the options that stand under `with` in the configuration. May validate them and throw. */
export type FilterFactory<Ctx = unknown> = (
  options: Readonly<Record<string, unknown>>,
) => Awaitable<Filter<Ctx>>

/** Gives a filter its types; returns it as it is. */
export function defineFilter<Ctx>(filter: Filter<Ctx>): Filter<Ctx>
export function defineFilter<Ctx>(factory: FilterFactory<Ctx>): FilterFactory<Ctx>
export function defineFilter<Ctx>(
  filter: Filter<Ctx> | FilterFactory<Ctx>,
): Filter<Ctx> | FilterFactory<Ctx> {
  return filter
}
