import type { Downstream, RequestHead } from '../acceptor/types.js'
import type { GatewayError } from '../session/errors.js'

/** A session that the acceptor answers by itself: what its exchange holds in place of a slot. */
export class OwnSession {
  /** -1: none was found. */
  readonly route: number
  readonly status: number
  readonly error: GatewayError | null

  constructor(route: number, status: number, error: GatewayError | null) {
    this.route = route
    this.status = status
    this.error = error
  }
}

/** How a session ended of which no worker can tell. */
export interface EndedHere {
  readonly head: RequestHead
  /** -1: none was found. */
  readonly route: number
  /** Of the answer, or of its beginning. */
  readonly status: number
  /** Null when all went well. */
  readonly error: GatewayError | null
  /** Bytes of body given to the socket. */
  readonly bytesOut: number
  /** It was given to the socket completely. */
  readonly isSent: boolean
  /** It came out of the cache. Absent: no. */
  readonly isHit?: boolean
}

/** The session of an exchange that the acceptor answers, null for any other. */
export function ownSessionOf({ owner }: Downstream): OwnSession | null {
  return owner instanceof OwnSession ? owner : null
}
