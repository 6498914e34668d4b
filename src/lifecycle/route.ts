import type { Logger } from 'pino'
import type { PathPattern, RouteAnswerer } from '../routing/index.js'
import type { GatewayError } from '../session/errors.js'
import type { Session } from '../session/session.js'
import type { DeadlineWheel } from '../time/index.js'
import type { Tracer } from '../tracing/index.js'
import type { Upstream } from '../upstream/index.js'
import type { RevalidationJob } from './cache-state.js'
import type { FilterChain } from './filter-chain.js'
import type { WebSocketBounds } from './message-relay.js'
import type { Mirror } from './mirror.js'
import type { Outbound } from './outbound.js'
import type { RouteCache } from './route-cache.js'
import type { SessionTrail } from './session-trail.js'

/** A route as a worker runs it: its filters sorted, its upstream at hand. */
export interface Route {
  /** Place in the configuration, from 0. */
  readonly index: number
  readonly name: string
  readonly chain: FilterChain
  readonly upstream: Upstream
  /** As in `RouteConfig`. */
  readonly upgrades: readonly string[]
  readonly bufferRequestBody: boolean
  readonly bufferResponseBody: boolean
  /** Where its parameters stand in the path; absent when it has none. */
  readonly pattern?: PathPattern
  /** Of a split: the branch that serves a request, the same route with an upstream of its own. */
  readonly branch?: (request: BranchRequest) => Route
  /** Answers in place of an upstream. */
  readonly answerer?: RouteAnswerer
  readonly outbound?: Outbound
  readonly mirror?: Mirror
  /** Absent: answers are not stored. */
  readonly cache?: RouteCache
}

/** What the branch of a split is chosen by. */
export interface BranchRequest {
  readonly headerBlock: string
  readonly remoteAddress: string
}

/** How a session ended, for log and counters; the session is still valid while it is reported. */
export interface SessionOutcome {
  readonly session: Session
  /** Index of its route. */
  readonly route: number
  /** From the request's arrival until the worker had it, ms. */
  readonly queueMs: number
  readonly trail: SessionTrail
  /** Null when all went well. */
  readonly error: GatewayError | null
  /** Status sent to the client, 0 if none was. */
  readonly status: number
  /** Bytes of body received from and sent towards the client. */
  readonly bytesIn: number
  readonly bytesOut: number
}

/** What all sessions of a worker share. */
export interface LifecycleEnv {
  readonly wheel: DeadlineWheel
  /** Longest an asynchronous hook may take, ms; 0 = unlimited. */
  readonly filterMs: number
  /** Largest body that is buffered for a filter. */
  readonly bufferedBodyBytes: number
  /** Absent: permessage-deflate is never agreed on with an upstream. */
  readonly webSocket?: WebSocketBounds
  readonly logger: Logger
  /** Absent: no traces are kept, and fields about them are forwarded as they are. */
  readonly tracer?: Tracer
  /** Do answers tell in `Server-Timing` where the time went? Absent: no. */
  readonly serverTiming?: boolean
  /** Do error answers tell the reason in `Proxy-Status`? Absent: yes. */
  readonly proxyStatus?: boolean
  /** Validates an answer that no client waits for; absent where no route has a cache. */
  revalidate?(job: RevalidationJob): void
  /** After the filters' `logging`, before the session is shut. */
  onOutcome(outcome: SessionOutcome): void
}
