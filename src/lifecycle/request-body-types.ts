import type { GatewayError } from '../session/errors.js'
import type { UpstreamExchange } from '../upstream/http1/index.js'
import type { ClientPort } from './client-port.js'
import type { BodyTransform } from './phase-runner.js'

/** Where a body goes. */
export type BodySink = Pick<UpstreamExchange, 'write' | 'end'>

export interface RequestBodyOptions {
  /** As in `RequestHead.contentLength`: ≥ 0, -1 none, -2 chunked. */
  readonly contentLength: number
  /** Keep the whole body, up to `limitBytes`, for the filters. */
  readonly buffer: boolean
  readonly limitBytes: number
  readonly transform: BodyTransform | null
  readonly port: Pick<ClientPort, 'grant'>
}

export interface RequestBodyOwner {
  /** The body is larger than what may be buffered, or one of its filters has failed. */
  fail(error: GatewayError): void
}
