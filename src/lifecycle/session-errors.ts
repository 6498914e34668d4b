import { type ErrorCode, GatewayError } from '../session/errors.js'

export function bodyTooLarge(): GatewayError {
  return new GatewayError('the request body is larger than what may be buffered', {
    code: 'HG_BODY_TOO_LARGE',
    status: 413,
    reason: 'http_request_error',
    source: 'downstream',
  })
}

export function clientAborted(): GatewayError {
  return new GatewayError('the client left before the answer was complete', {
    code: 'HG_CLIENT_ABORTED',
    status: 499,
    reason: 'connection_terminated',
    source: 'downstream',
  })
}

/** The rest of the request was off the grammar, too large or too slow: the acceptor has answered with this status. */
export function requestRefused(status: number): GatewayError {
  const codes: Readonly<Record<number, ErrorCode>> = {
    408: 'HG_TIMEOUT',
    413: 'HG_BODY_TOO_LARGE',
    503: 'HG_OVERLOADED',
  }
  return new GatewayError('the body of the request was refused', {
    code: codes[status] ?? 'HG_INVALID_REQUEST',
    status,
    reason: 'http_request_error',
    source: 'downstream',
  })
}

export function sessionTimeout(totalMs: number): GatewayError {
  return new GatewayError(`the session took longer than ${totalMs} ms`, {
    code: 'HG_TIMEOUT',
    status: 504,
    reason: 'http_response_timeout',
    source: 'upstream',
  })
}

/** A filter refused the request (contract D9: 403 unless it gave another status). */
export function filterRejected(status: number, reason: string): GatewayError {
  const valid = Number.isInteger(status) && status >= 400 && status <= 599
  return new GatewayError(reason, {
    code: 'HG_FILTERED',
    status: valid ? status : 403,
    reason: 'http_request_denied',
    source: 'internal',
  })
}

export function retryMisplaced(filter: string, hook: string): GatewayError {
  return new GatewayError(
    `filter '${filter}' failed in ${hook}: retry is only possible in upstreamResponseFilter`,
    {
      code: 'HG_FILTER_FAILED',
      status: 500,
      reason: 'proxy_internal_error',
      source: 'internal',
    },
  )
}

/** A filter wants to answer when the client has some of another answer already. */
export function answeredTwice(filter: string, hook: string): GatewayError {
  return new GatewayError(`filter '${filter}' failed in ${hook}: the client has some of an answer already`, {
    code: 'HG_FILTER_FAILED',
    status: 500,
    reason: 'proxy_internal_error',
    source: 'internal',
  })
}

/** A filter asked for a retry that the policy or the number of peers does not allow. */
export function retryRefused(): GatewayError {
  return new GatewayError('the response was refused and no other peer may be tried', {
    code: 'HG_INVALID_RESPONSE',
    status: 502,
    reason: 'destination_unavailable',
    source: 'upstream',
  })
}

/** The breaker of the upstream is open. @param retryAfterMs until it lets somebody try */
export function breakerOpen(upstream: string, retryAfterMs: number): GatewayError {
  return new GatewayError(`upstream '${upstream}' is left alone, because too much of it has failed`, {
    code: 'HG_NO_PEER',
    status: 503,
    reason: 'destination_unavailable',
    source: 'upstream',
    retryAfterS: Math.max(1, Math.ceil(retryAfterMs / 1000)),
  })
}

/** An answer whose status `retries.on` names was thrown away. */
export function statusRefused(status: number): GatewayError {
  return new GatewayError(`the upstream answered ${status}`, {
    code: 'HG_INVALID_RESPONSE',
    status: 502,
    reason: 'destination_unavailable',
    source: 'upstream',
    retry: 'idempotent',
  })
}

/** The worker that held the session died (C3). */
export function workerLost(): GatewayError {
  return new GatewayError('the worker that served this request was lost', {
    code: 'HG_WORKER_LOST',
    status: 502,
    reason: 'proxy_internal_error',
    source: 'internal',
  })
}

/** The worker that holds the session is told to end. */
export function workerStopped(): GatewayError {
  return new GatewayError('the gateway was stopped', {
    code: 'HG_WORKER_LOST',
    status: 503,
    reason: 'proxy_internal_error',
    source: 'internal',
  })
}

/** No room for another session (C5). */
export function overloaded(): GatewayError {
  return new GatewayError('the gateway is overloaded', {
    code: 'HG_OVERLOADED',
    status: 503,
    reason: 'connection_limit_reached',
    source: 'internal',
  })
}

/** A 101 that does not fit the request, whatever its protocol (B16). */
export function upgradeFailed(problem: string): GatewayError {
  return new GatewayError(problem, {
    code: 'HG_INVALID_RESPONSE',
    status: 502,
    reason: 'http_upgrade_failed',
    source: 'upstream',
  })
}

/** What has come through a tunnel is no WebSocket, or more than may be. @param code of the close frame (RFC 6455 §7.4.1) */
export function messageFault(code: number, problem: string): GatewayError {
  return new GatewayError(`${problem} (close code ${code})`, {
    code: 'HG_INVALID_RESPONSE',
    status: 502,
    reason: code === 1009 ? 'http_response_body_size' : 'http_protocol_error',
    source: 'upstream',
  })
}

/** The upstream's end of a tunnel was lost. */
export function tunnelBroken(cause: Error | undefined): GatewayError {
  const detail = cause === undefined ? '' : `: ${cause.message}`
  return new GatewayError(`the upstream broke off the upgraded connection${detail}`, {
    code: 'HG_UPSTREAM_CLOSED',
    status: 502,
    reason: 'connection_terminated',
    source: 'upstream',
    cause,
  })
}

/** Nothing has moved in a tunnel for too long. */
export function tunnelIdle(idleMs: number): GatewayError {
  return new GatewayError(`the upgraded connection was silent for ${idleMs} ms`, {
    code: 'HG_TIMEOUT',
    status: 504,
    reason: 'connection_read_timeout',
    source: 'downstream',
  })
}

export function responseTooLarge(): GatewayError {
  return new GatewayError('the response is larger than what may be buffered', {
    code: 'HG_BODY_TOO_LARGE',
    status: 502,
    reason: 'http_response_body_size',
    source: 'upstream',
  })
}

/** RFC 9111 §5.2.1.7: the client wants what is stored or nothing. */
export function notCached(): GatewayError {
  return new GatewayError('nothing that is stored can answer the request', {
    code: 'HG_NOT_CACHED',
    status: 504,
    reason: 'proxy_internal_response',
    source: 'downstream',
  })
}

/** The answer that this session was reading while another fetched it will never be whole. */
export function storedBroken(): GatewayError {
  return new GatewayError('the answer broke off while it was being stored', {
    code: 'HG_UPSTREAM_CLOSED',
    status: 502,
    reason: 'http_response_incomplete',
    source: 'upstream',
  })
}
