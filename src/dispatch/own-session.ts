import type { Downstream, RequestHead } from '../acceptor/types.js'
import type { GatewayError } from '../session/errors.js'

/** A session that the acceptor answers by itself: what its exchange holds in place of a slot. */
export class OwnSession {
  /** -1: none was found. */
  readonly route: number
  readonly status: number
  readonly error: GatewayError | null
  /** Whose answer it is. */
  readonly by: { end(exchange: Downstream, session: OwnSession, isSent: boolean): void }

  constructor(route: number, status: number, error: GatewayError | null, by: OwnSession['by']) {
    this.route = route
    this.status = status
    this.error = error
    this.by = by
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

/** Answers under way that need no worker, over all configurations. */
export interface UnderWay {
  answers: number
}

/** The session of an exchange that the acceptor answers, null for any other. */
export function ownSessionOf({ owner }: Downstream): OwnSession | null {
  return owner instanceof OwnSession ? owner : null
}
