import type { SessionOrigin } from '../session/session-origin.js'

/** A session as it arrives from the acceptor. */
export interface SessionStart extends SessionOrigin {
  readonly method: string
  readonly target: string
  /** Field lines `name: value` + CRLF each, as they go to the upstream, see `forwardingFields`. */
  readonly headerBlock: string
  /** As in `RequestHead.contentLength`. */
  readonly contentLength: number
  /** As in `RequestHead.upgrade`; absent: ''. */
  readonly upgrade?: string
  /** As in `RequestHead.endsWebSocket`; absent: false. */
  readonly endsWebSocket?: boolean | undefined
}
