import { GatewayError, InvalidRequest } from '../../session/errors.js'

/** An upstream's body grew past what the filter `decompress` allows (A16). */
export function responseBomb(detail: string): GatewayError {
  return new GatewayError(`the upstream's body is too large when decompressed: ${detail}`, {
    code: 'HG_BODY_TOO_LARGE',
    status: 502,
    reason: 'http_response_body_size',
    source: 'upstream',
  })
}

/** The same of a client's body. */
export function requestBomb(detail: string): GatewayError {
  return new GatewayError(`the request body is too large when decompressed: ${detail}`, {
    code: 'HG_BODY_TOO_LARGE',
    status: 413,
    reason: 'http_request_error',
    source: 'downstream',
  })
}

/** An upstream's body is not in the coding that it says. */
export function responseUndecodable(coding: string, cause: unknown): GatewayError {
  return new GatewayError(`the upstream's body is no valid ${coding}`, {
    code: 'HG_INVALID_RESPONSE',
    status: 502,
    reason: 'http_response_content_coding',
    source: 'upstream',
    cause,
  })
}

/** The same of a client's body. */
export function requestUndecodable(coding: string, cause: unknown): GatewayError {
  return new InvalidRequest(`the request body is no valid ${coding}`, { cause })
}
