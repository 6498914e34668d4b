import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { GatewayError, type Reason } from '../../session/errors.js'
import { NameNotResolved } from '../dns/index.js'

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
}

function syscallOf(cause: unknown): string {
  return cause instanceof Error && 'syscall' in cause && typeof cause.syscall === 'string'
    ? cause.syscall
    : ''
}

function messageOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'closed'
  return cause.message === '' ? codeOf(cause) : cause.message
}

function connectFailed(message: string, reason: Reason, cause: unknown): GatewayError {
  return new GatewayError(message, {
    code: 'HG_CONNECT_FAILED',
    status: 502,
    reason,
    source: 'upstream',
    retry: 'always',
    cause,
  })
}

function timeout(message: string, reason: Reason, retry: 'always' | 'idempotent' | 'never', cause?: unknown) {
  return new GatewayError(message, {
    code: 'HG_TIMEOUT',
    status: 504,
    reason,
    source: 'upstream',
    retry,
    cause,
  })
}

/** Has this side refused the certificate of the other? */
export function isRefused(socket: Socket | null): boolean {
  return socket instanceof TLSSocket && Boolean(socket.authorizationError)
}

/**
 * A connection that could not be made: nothing of the request has left, so it may always be tried elsewhere.
 * @param certificateRefused the peer's certificate did not pass verification
 */
export function connectError(cause: unknown, certificateRefused: boolean): GatewayError {
  const code = codeOf(cause)
  const text = `cannot connect: ${messageOf(cause)}`
  // The peer has closed its end within the handshake.
  if (cause === undefined) return connectFailed(text, 'connection_terminated', cause)
  if (certificateRefused) return connectFailed(text, 'tls_certificate_error', cause)
  if (cause instanceof NameNotResolved) {
    return cause.failure === 'timeout'
      ? timeout(text, 'dns_timeout', 'always', cause)
      : connectFailed(text, 'dns_error', cause)
  }
  if (syscallOf(cause) === 'getaddrinfo' || code.startsWith('EAI_') || code === 'ENOTFOUND') {
    return code === 'ETIMEOUT' || code === 'ETIMEDOUT'
      ? timeout(text, 'dns_timeout', 'always', cause)
      : connectFailed(text, 'dns_error', cause)
  }
  if (code === 'ETIMEDOUT') return timeout(text, 'connection_timeout', 'always', cause)
  return connectFailed(text, CONNECT_REASONS[code] ?? tlsReason(code) ?? 'destination_unavailable', cause)
}

const CONNECT_REASONS: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: 'connection_refused',
  ENOENT: 'connection_refused',
  ECONNRESET: 'connection_terminated',
  EPIPE: 'connection_terminated',
  EHOSTUNREACH: 'destination_ip_unroutable',
  ENETUNREACH: 'destination_ip_unroutable',
  EACCES: 'destination_ip_prohibited',
  EPERM: 'destination_ip_prohibited',
}

function tlsReason(code: string): Reason | undefined {
  if (code.startsWith('ERR_SSL') && code.includes('_ALERT_')) return 'tls_alert_received'
  if (code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS') || code === 'EPROTO')
    return 'tls_protocol_error'
  return undefined
}

/** The connect deadline has passed, with or without an address to connect to. */
export function connectTimeout(resolved: boolean): GatewayError {
  return resolved
    ? timeout('the connection was not made in time', 'connection_timeout', 'always')
    : timeout('the address was not resolved in time', 'dns_timeout', 'always')
}

/** No final response head in time (A4). */
export function headersTimeout(): GatewayError {
  return timeout('no response head in time', 'http_response_timeout', 'idempotent')
}

/** The response body has stalled. */
export function bodyTimeout(): GatewayError {
  return timeout('the response body has stalled', 'connection_read_timeout', 'never')
}

/**
 * The request body has stalled: the upstream takes nothing (504), or nobody has handed over more of it (408).
 */
export function requestTimeout(upstreamIsStuck: boolean): GatewayError {
  if (upstreamIsStuck) {
    return timeout('the upstream has stopped reading the request', 'connection_write_timeout', 'idempotent')
  }
  return new GatewayError('the request body has stalled', {
    code: 'HG_TIMEOUT',
    status: 408,
    reason: 'http_request_error',
    source: 'downstream',
  })
}

/**
 * The connection ended before the response did.
 * `retry` is `idempotent` until the final head was delivered: the request may have been acted upon. Whether the
 * connection was a reused one (the keep-alive race, A11) is `UpstreamExchange.reused`.
 */
export function closedEarly(phase: 'waiting' | 'head' | 'body', cause?: unknown): GatewayError {
  const tls = phase === 'waiting' ? tlsReason(codeOf(cause)) : undefined
  const detail = cause === undefined ? '' : `: ${messageOf(cause)}`
  return new GatewayError(
    phase === 'waiting'
      ? `the upstream closed the connection without an answer${detail}`
      : `the upstream closed the connection within the response ${phase}${detail}`,
    {
      code: 'HG_UPSTREAM_CLOSED',
      status: 502,
      reason: tls ?? (phase === 'waiting' ? 'connection_terminated' : 'http_response_incomplete'),
      source: 'upstream',
      retry: phase === 'body' ? 'never' : 'idempotent',
      cause,
    },
  )
}

/** The response is off the grammar (A8, A10). */
export function invalidResponse(problem: string, reason: Reason): GatewayError {
  return new GatewayError(problem, { code: 'HG_INVALID_RESPONSE', status: 502, reason, source: 'upstream' })
}

/** The caller did something that it must not, or threw from a handler. */
export function misuse(message: string, cause?: unknown): GatewayError {
  return new GatewayError(message, {
    code: 'HG_INTERNAL',
    status: 500,
    reason: 'proxy_internal_error',
    source: 'internal',
    cause,
  })
}
