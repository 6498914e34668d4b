import type { Refusal } from '../acceptor/types.js'
import type { RouteConfig } from '../config/types.js'
import type { HeaderEdits } from '../filters/index.js'
import type { CounterRow, WorkerBoard } from '../memory/index.js'
import type { GatewayCounter } from '../session/counters.js'
import type { AnswerCounts } from '../telemetry/index.js'
import type { HitServices } from './cached-answers.js'
import type { IntakeOptions } from './intake.js'
import type { EndedHere } from './own-session.js'
import type { Router } from './router.js'
import type { Priority } from './waiting-room.js'

/** What a dispatcher knows of the configuration. */
export type Routing = Pick<
  DispatcherOptions,
  | 'routes'
  | 'responseEdits'
  | 'router'
  | 'intake'
  | 'sessionsPerWorker'
  | 'commonFields'
  | 'serverTiming'
  | 'proxyStatus'
  | 'queue'
  | 'priorities'
  | 'answers'
  | 'hits'
  | 'onEndedHere'
>

export interface DispatcherOptions {
  readonly routes: readonly RouteConfig[]
  /** For each route the edits of the built-in filter `headers` that answers of the acceptor get too. */
  readonly responseEdits: readonly (readonly HeaderEdits[])[]
  readonly router: Router
  /** Default `DEFAULT_INTAKE`. */
  readonly intake?: IntakeOptions
  readonly board: WorkerBoard
  readonly counters: CounterRow<GatewayCounter>
  /** Answers by route, method and status. Default: not counted. */
  readonly answers?: AnswerCounts
  readonly sessionsPerWorker: number
  /** Absent: no route has a cache. */
  readonly hits?: HitServices
  /** How many sessions may wait for a worker with room, and how long. Default: none. */
  readonly queue?: { readonly sessions: number; readonly waitMs: number }
  /** Of each route. Default: all normal. */
  readonly priorities?: readonly Priority[]
  /** Field lines that every answer gets. Default none. */
  readonly commonFields?: string
  /** Answers made here tell in `Server-Timing` where the time went. Default false. */
  readonly serverTiming?: boolean
  /** Errors told here have `Proxy-Status`. Default true. */
  readonly proxyStatus?: boolean
  /** A session has ended of which no worker can tell: it was answered here, or its worker was lost. */
  onEndedHere?(end: EndedHere): void
  onRefused(refusal: Refusal, requestId: string, remoteAddress: string): void
  /** No session is in flight any more; only called while somebody waits for it. */
  onIdle(): void
}
