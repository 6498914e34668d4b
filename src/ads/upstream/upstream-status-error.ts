import { GatewayError } from '../../session/errors.js'

/** Answers that may be better next time: the request was not acted upon, or not by whom it was meant for. */
const TRANSIENT: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504])

/** An upstream answered with a status that is no success. */
export class UpstreamStatusError extends GatewayError {
  override readonly name = 'UpstreamStatusError'
  /** What it said. */
  readonly upstreamStatus: number

  constructor(upstreamStatus: number, upstream: string) {
    super(`${upstream} answered with status ${upstreamStatus}`, {
      code: 'HG_INVALID_RESPONSE',
      status: 502,
      reason: 'http_protocol_error',
      source: 'upstream',
      retry: TRANSIENT.has(upstreamStatus) ? 'idempotent' : 'never',
    })
    this.upstreamStatus = upstreamStatus
  }
}
