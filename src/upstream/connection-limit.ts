import { GatewayError } from '../session/errors.js'

/** Nobody has room for another session. */
export function connectionLimit(upstream: string): GatewayError {
  return new GatewayError(`upstream '${upstream}' has as many sessions as it may`, {
    code: 'HG_OVERLOADED',
    status: 503,
    reason: 'connection_limit_reached',
    source: 'upstream',
  })
}
