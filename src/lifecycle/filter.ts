import type { GatewayError, RetryDecision } from '../session/errors.js'
import type { Headers } from '../session/headers.js'
import type { RequestHeader, ResponseHeader } from '../session/message-headers.js'
import type { Peer, Session } from '../session/session.js'
import type { FilterResponse, FilterResult } from './results.js'

type Awaitable<T> = T | Promise<T>
/** A filter may return nothing at all. */
// biome-ignore lint/suspicious/noConfusingVoidType: a hook without a return statement has type void
type Optional<T> = T | undefined | void

/** What happened to a piece of body: unchanged (nothing), dropped (null), or replaced. */
export type BodyResult = Awaitable<Optional<Uint8Array | null>>

/**
 * The phases of a session (contract A-61…A-69), all optional; absent ones cost nothing. They run in the order of this
 * interface, filters in the order of the route. What a hook throws ends its own session only: 500 in the filter's name, 400 if it is
 * a `SyntaxError` or `InvalidRequest` of a request phase, its own status if it is a `GatewayError`.
 *
 * Each filter has a context of its own per session: what `newCtx` returns is the last argument of every hook.
 */
export interface Filter<Ctx = unknown> {
  /** Stands in logs and errors. */
  readonly name: string
  /** Have the request body buffered before `requestFilter` (`session.requestBody`). */
  readonly bufferRequestBody?: boolean
  /** Have the response body buffered before `responseFilter` (`session.responseBody`). */
  readonly bufferResponseBody?: boolean

  /** Makes the context, once per session. */
  newCtx?(): Ctx
  /** First look at the request, before its body is buffered. */
  earlyRequestFilter?(session: Session, ctx: Ctx): Awaitable<Optional<FilterResult>>
  /** May change the request, reject it, or answer it. */
  requestFilter?(session: Session, ctx: Ctx): Awaitable<Optional<FilterResult>>
  /** A piece of the request body on its way up; runs again on the same bytes when an attempt is repeated. */
  requestBodyFilter?(session: Session, chunk: Uint8Array, endOfStream: boolean, ctx: Ctx): BodyResult
  /** Last stop before the upstream is asked. */
  proxyUpstreamFilter?(session: Session, ctx: Ctx): Awaitable<Optional<FilterResult>>
  /** Chooses the peer of this attempt from those not tried yet; nothing leaves it to the balancer. */
  upstreamPeer?(session: Session, candidates: readonly Peer[], ctx: Ctx): Awaitable<Optional<Peer | null>>
  /** Edits what goes to the upstream: a copy made for this attempt. */
  upstreamRequestFilter?(
    session: Session,
    request: RequestHeader,
    ctx: Ctx,
  ): Awaitable<Optional<FilterResult>>
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
  /** A piece of the response body as it came from the upstream. */
  upstreamResponseBodyFilter?(session: Session, chunk: Uint8Array, endOfStream: boolean, ctx: Ctx): BodyResult
  /** Trailer fields of the response, if any came. */
  upstreamResponseTrailerFilter?(session: Session, trailers: Headers, ctx: Ctx): void
  /** Every answer, also one made by a filter or by the gateway itself, before its head is sent. */
  responseFilter?(session: Session, ctx: Ctx): Awaitable<Optional<FilterResult>>
  /** A piece of the response body on its way down. */
  responseBodyFilter?(session: Session, chunk: Uint8Array, endOfStream: boolean, ctx: Ctx): BodyResult
  /** Trailer fields on their way down. */
  responseTrailerFilter?(session: Session, trailers: Headers, ctx: Ctx): void
  /** An attempt failed after its connection was made. May overrule the retry decision. */
  errorWhileProxy?(session: Session, error: GatewayError, ctx: Ctx): Optional<RetryDecision>
  /** The session failed for good and nothing was sent yet: may give an answer of its own. */
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
  'requestBodyFilter',
  'proxyUpstreamFilter',
  'upstreamPeer',
  'upstreamRequestFilter',
  'connectedToUpstream',
  'failToConnect',
  'upstreamResponseFilter',
  'upstreamResponseBodyFilter',
  'upstreamResponseTrailerFilter',
  'responseFilter',
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
