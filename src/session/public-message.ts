import type { ErrorCode, GatewayError } from './errors.js'

/** Said instead of the message, which may name addresses, certificates or parser states of ours and our upstreams'. */
const INSTEAD: Partial<Record<ErrorCode, string>> = {
  HG_CONNECT_FAILED: 'the upstream could not be reached',
  HG_TIMEOUT: 'the upstream did not answer in time',
  HG_UPSTREAM_CLOSED: 'the upstream closed the connection',
  HG_INVALID_RESPONSE: 'the upstream gave an invalid response',
  HG_BODY_TOO_LARGE: 'the response of the upstream is too large',
  HG_NO_PEER: 'no upstream is available',
  HG_MAX_RETRIES: 'the upstream failed repeatedly',
}

/** What a client may read of an error (B22): the message itself where it is about the request or is a filter's own. */
export function publicMessage(error: GatewayError): string {
  if (error.source === 'upstream') return INSTEAD[error.code] ?? 'the upstream failed'
  return error.code === 'HG_INTERNAL' ? 'internal error' : error.message
}
