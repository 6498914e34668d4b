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
