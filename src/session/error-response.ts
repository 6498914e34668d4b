import type { Reason } from './errors.js'

/** A complete answer made by the gateway itself. */
export interface ErrorResponse {
  readonly status: number
  /** Field lines without framing. */
  readonly headerBlock: string
  readonly body: Uint8Array
}

const STATUS_ERROR: Readonly<Record<number, string>> = {
  400: 'bad_request',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  408: 'request_timeout',
  411: 'length_required',
  413: 'content_too_large',
  414: 'uri_too_long',
  417: 'expectation_failed',
  421: 'misdirected_request',
  429: 'too_many_requests',
  431: 'header_fields_too_large',
  500: 'internal_error',
  501: 'not_implemented',
  502: 'bad_gateway',
  503: 'service_unavailable',
  504: 'gateway_timeout',
}

const encoder = new TextEncoder()

/**
 * The gateway's error document: JSON with `error, status, message, request_id, timestamp` (design §12), and a
 * `Proxy-Status` field with the RFC 9209 token. `message` is shown to the client: it must hold nothing internal.
 * @param proxyStatus false: without that field
 */
export function errorResponse(
  status: number,
  reason: Reason,
  message: string,
  requestId: string,
  extraHeaderBlock = '',
  { proxyStatus = true }: { readonly proxyStatus?: boolean | undefined } = {},
): ErrorResponse {
  const body = JSON.stringify({
    error: STATUS_ERROR[status] ?? 'error',
    status,
    message,
    request_id: requestId,
    timestamp: new Date().toISOString(),
  })
  const told = proxyStatus ? `proxy-status: headgate; error=${reason}\r\n` : ''
  return {
    status,
    headerBlock: `content-type: application/json\r\ncache-control: no-store\r\n${told}${extraHeaderBlock}`,
    body: encoder.encode(`${body}\n`),
  }
}
