/**
 * The closed set of reasons: the proxy error types of RFC 9209 §2.3. The same token stands in the
 * `Proxy-Status` header, the log line and the counter.
 */
export const REASONS = [
  'dns_timeout',
  'dns_error',
  'destination_not_found',
  'destination_unavailable',
  'destination_ip_prohibited',
  'destination_ip_unroutable',
  'connection_refused',
  'connection_terminated',
  'connection_timeout',
  'connection_read_timeout',
  'connection_write_timeout',
  'connection_limit_reached',
  'tls_protocol_error',
  'tls_certificate_error',
  'tls_alert_received',
  'http_request_error',
  'http_request_denied',
  'http_response_incomplete',
  'http_response_header_section_size',
  'http_response_header_size',
  'http_response_body_size',
  'http_response_trailer_section_size',
  'http_response_trailer_size',
  'http_response_transfer_coding',
  'http_response_content_coding',
  'http_response_timeout',
  'http_upgrade_failed',
  'http_protocol_error',
  'proxy_internal_response',
  'proxy_internal_error',
  'proxy_configuration_error',
  'proxy_loop_detected',
] as const

/** An RFC 9209 proxy error type. */
export type Reason = (typeof REASONS)[number]

/** Who is to blame. It decides the default status, whether a retry makes sense, and how loud the log is. */
export type ErrorSource = 'upstream' | 'downstream' | 'internal'

/**
 * Whether the failed attempt may be repeated on another peer.
 * `always`: nothing of the request can have reached an application (connect failed).
 * `idempotent`: the request may have been acted upon, so only an idempotent method is repeated (RFC 9110 §9.2.2).
 * `never`: repeating is pointless or unsafe.
 */
export type RetryDecision = 'always' | 'idempotent' | 'never'

/** Error codes of this package, stable across releases. */
export type ErrorCode =
  | 'HG_CONNECT_FAILED'
  | 'HG_TIMEOUT'
  | 'HG_UPSTREAM_CLOSED'
  | 'HG_INVALID_RESPONSE'
  | 'HG_NO_PEER'
  | 'HG_MAX_RETRIES'
  | 'HG_FILTERED'
  | 'HG_FILTER_FAILED'
  | 'HG_INVALID_REQUEST'
  | 'HG_INVALID_HEADER'
  | 'HG_BODY_TOO_LARGE'
  | 'HG_OVERLOADED'
  | 'HG_LOOP'
  | 'HG_NOT_CACHED'
  | 'HG_WORKER_LOST'
  | 'HG_CLIENT_ABORTED'
  | 'HG_SESSION_CLOSED'
  | 'HG_CONFIG'
  | 'HG_INTERNAL'

export interface GatewayErrorOptions {
  readonly code: ErrorCode
  /** Status for the client if nothing was sent yet (contract D9). */
  readonly status: number
  readonly reason: Reason
  readonly source: ErrorSource
  /** Default `never`. */
  readonly retry?: RetryDecision
  /** Of a 503: seconds after which the client may try again. Default 1. */
  readonly retryAfterS?: number
  readonly cause?: unknown
}

/** Marks the errors of every copy of this package that a process may hold. */
const BRAND = Symbol.for('headgate.GatewayError')

/** Every failure that a session can end with. Plain data apart from `cause`, so it can cross a thread boundary. */
export class GatewayError extends Error {
  override readonly name: string = 'GatewayError'
  readonly code: ErrorCode
  readonly status: number
  readonly reason: Reason
  readonly source: ErrorSource
  readonly retry: RetryDecision
  readonly retryAfterS: number
  readonly [BRAND] = true

  /**
   * An error of another copy of this package counts too: a filter may have one of its own beneath its own folder, and what it throws
   * must mean the same.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: it is the class that was asked about, which may be one made by a user
    return isInstance(this, value)
  }

  constructor(message: string, options: GatewayErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = options.code
    this.status = options.status
    this.reason = options.reason
    this.source = options.source
    this.retry = options.retry ?? 'never'
    this.retryAfterS = options.retryAfterS ?? 1
  }
}

/** The retry limit was passed (contract ). `attempts` counts calls of `handleRetry`. */
export class MaxRetriesExceeded extends GatewayError {
  override readonly name = 'MaxRetriesExceeded'
  readonly attempts: number
  constructor(attempts: number, cause?: unknown) {
    super(`gave up after ${attempts} attempts`, {
      code: 'HG_MAX_RETRIES',
      status: 502,
      reason: cause instanceof GatewayError ? cause.reason : 'destination_unavailable',
      source: 'upstream',
      cause,
    })
    this.attempts = attempts
  }
}

/** No peer is left to try (contract A-59): 503. */
export class NoPeerAvailable extends GatewayError {
  override readonly name = 'NoPeerAvailable'
  /** Name of the upstream. */
  readonly upstream: string
  constructor(upstream: string, cause?: unknown) {
    super(`no peer of upstream '${upstream}' is available`, {
      code: 'HG_NO_PEER',
      status: 503,
      reason: 'destination_unavailable',
      source: 'upstream',
      cause,
    })
    this.upstream = upstream
  }
}

/** A header name or value that must not go on the wire (contract A-24, U14). */
export class InvalidHeader extends GatewayError {
  override readonly name = 'InvalidHeader'
  constructor(message: string) {
    super(message, {
      code: 'HG_INVALID_HEADER',
      status: 500,
      reason: 'proxy_internal_error',
      source: 'internal',
    })
  }
}

/** The request cannot be served as it is (contract A-26): 400 unless a status is given. */
export class InvalidRequest extends GatewayError {
  override readonly name = 'InvalidRequest'
  constructor(message: string, options: { readonly status?: number; readonly cause?: unknown } = {}) {
    super(message, {
      code: 'HG_INVALID_REQUEST',
      status: options.status ?? 400,
      reason: 'http_request_error',
      source: 'downstream',
      cause: options.cause,
    })
  }
}

/** The session has ended; its data must not be used any more (contract A-75). */
export class SessionClosed extends GatewayError {
  override readonly name = 'SessionClosed'
  constructor() {
    super('the session has ended', {
      code: 'HG_SESSION_CLOSED',
      status: 500,
      reason: 'proxy_internal_error',
      source: 'internal',
    })
  }
}

const OWN_CLASSES: ReadonlySet<unknown> = new Set([
  MaxRetriesExceeded,
  NoPeerAvailable,
  InvalidHeader,
  InvalidRequest,
  SessionClosed,
])

function isInstance(wanted: { readonly name: string }, value: unknown): boolean {
  if (Function.prototype[Symbol.hasInstance].call(wanted, value)) return true
  if (typeof value !== 'object' || value === null || !(BRAND in value)) return false
  return wanted === GatewayError || (OWN_CLASSES.has(wanted) && 'name' in value && value.name === wanted.name)
}
