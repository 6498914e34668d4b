import { GatewayError } from '../../session/errors.js'

/**
 * There was an ad, and by the time its place was decided nobody waited for it any more: what was reserved is given back (VAST 4.3 error 304). Code
 * `HG_TIMEOUT`.
 */
export class LateAnswer extends GatewayError {
  /** What came too late. */
  readonly result: unknown

  constructor(result: unknown) {
    super('the ad came too late', {
      code: 'HG_TIMEOUT',
      status: 504,
      reason: 'http_response_timeout',
      source: 'internal',
    })
    this.result = result
  }
}
