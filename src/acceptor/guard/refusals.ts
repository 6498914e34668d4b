import type { Refusal } from '../types.js'

function refusal(status: number, kind: Refusal['kind'], message: string): Refusal {
  return { status, kind, message, reason: 'http_request_error' }
}

const parse = (message: string): Refusal => refusal(400, 'parse', message)

/**
 * Every reason for which the acceptor itself turns a request away. Constant objects: a flood of bad requests allocates
 * nothing for them, and nothing that a client sent is echoed.
 */
export const REFUSALS = {
  malformed: parse('The request is malformed.'),
  methodSyntax: parse('The method is not a token.'),
  methodUnknown: refusal(501, 'parse', 'The method is not implemented.'),
  methodForbidden: {
    ...refusal(405, 'parse', 'The method is not allowed.'),
    reason: 'http_request_denied',
  } satisfies Refusal,
  version: refusal(505, 'parse', 'The HTTP version is not supported.'),
  target: parse('The request target is invalid.'),
  targetLength: refusal(414, 'limit', 'The request target is too long.'),
  hostMissing: refusal(400, 'host', 'The Host header is missing.'),
  hostRepeated: refusal(400, 'host', 'There is more than one Host header.'),
  hostInvalid: refusal(400, 'host', 'The Host header is invalid.'),
  fieldName: parse('A header name is invalid.'),
  fieldValue: parse('A header value is invalid.'),
  fieldBytes: refusal(431, 'limit', 'The header section is too large.'),
  fieldCount: refusal(431, 'limit', 'There are too many header fields.'),
  lengthInvalid: parse('The Content-Length header is invalid.'),
  lengthRepeated: parse('There is more than one Content-Length header.'),
  codingRepeated: parse('There is more than one Transfer-Encoding header.'),
  codingInvalid: parse('The Transfer-Encoding header is invalid.'),
  codingUnknown: refusal(501, 'parse', 'The transfer coding is not implemented.'),
  codingOldVersion: parse('Transfer-Encoding is not allowed in HTTP/1.0.'),
  codingAndLength: parse('Both Content-Length and Transfer-Encoding are present.'),
  chunkedRefused: refusal(411, 'parse', 'A Content-Length header is required.'),
  expectation: refusal(417, 'parse', 'The expectation cannot be met.'),
  bodyBytes: refusal(413, 'limit', 'The request body is too large.'),
  bodyTimeout: refusal(408, 'limit', 'The request body did not arrive in time.'),
  headTimeout: refusal(408, 'limit', 'The request did not arrive in time.'),
  bodyUnstoppable: {
    ...refusal(503, 'overload', 'The request body came too fast to be held back.'),
    reason: 'proxy_internal_response',
  } satisfies Refusal,
  certificate: {
    ...refusal(403, 'certificate', 'A client certificate is required.'),
    reason: 'http_request_denied',
  } satisfies Refusal,
  connections: {
    ...refusal(503, 'overload', 'There are too many connections.'),
    reason: 'connection_limit_reached',
  } satisfies Refusal,
} as const
