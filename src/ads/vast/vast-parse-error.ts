import { GatewayError } from '../../session/errors.js'

/** A body that is no VAST document. */
export class VastParseError extends GatewayError {
  override readonly name = 'VastParseError'
  /** 100 not XML or over a limit, 101 not VAST, 102 a version that is not supported (VAST 4.3, table of error codes). */
  readonly vastCode: 100 | 101 | 102

  constructor(vastCode: 100 | 101 | 102, message: string, cause?: unknown) {
    super(`invalid VAST: ${message}`, {
      code: 'HG_INVALID_RESPONSE',
      status: 502,
      reason: 'http_protocol_error',
      source: 'upstream',
      cause,
    })
    this.vastCode = vastCode
  }
}
