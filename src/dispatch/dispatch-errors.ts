import { GatewayError } from '../session/errors.js'

/** The worker gave up without a head: it had no route, or a head that fits no frame. */
export function noAnswer(): GatewayError {
  return new GatewayError('no answer could be made', {
    code: 'HG_INTERNAL',
    status: 500,
    reason: 'proxy_internal_error',
    source: 'internal',
  })
}

/** No route of the configuration matches: 404. */
export function noRoute(): GatewayError {
  return new GatewayError('no route matches this request', {
    code: 'HG_INVALID_REQUEST',
    status: 404,
    reason: 'destination_not_found',
    source: 'downstream',
  })
}

/** Servers would not agree on what the path means (B14): 400. */
export function ambiguousTarget(): GatewayError {
  return new GatewayError('the path is ambiguous', {
    code: 'HG_INVALID_REQUEST',
    status: 400,
    reason: 'http_request_error',
    source: 'downstream',
  })
}

/** The request has been here before (A17): 502, as RFC 9209 §2.3 recommends for it. */
export function loopDetected(): GatewayError {
  return new GatewayError('the request goes round in a loop', {
    code: 'HG_LOOP',
    status: 502,
    reason: 'proxy_loop_detected',
    source: 'internal',
  })
}
