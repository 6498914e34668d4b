import type { RouteCacheStats } from '../cache/route-counters.js'
import type { LatencySummary, Phase } from '../histograms/index.js'
import type { WorkerState } from '../memory/index.js'
import type { GatewayCounter } from '../session/counters.js'
import type { Reason } from '../session/errors.js'
import type { RouteAnswers, ThreadLoad } from '../telemetry/index.js'
import type { CacheSummary } from './cache-reader.js'
import type { UpstreamStats } from './peer-stats.js'
import type { Rates, RouteRates, WindowName } from './sampler.js'

/** By phase of a session. */
export type Latency = Readonly<Record<Phase, LatencySummary>>

/** How one worker does. */
export interface WorkerStats extends ThreadLoad {
  readonly worker: number
  readonly state: WorkerState
  readonly inFlight: number
  readonly restarts: number
}

/** One of the last errors. */
export interface ErrorStats {
  /** Milliseconds since 1970. */
  readonly timeMs: number
  /** Null: no route was found. */
  readonly route: string | null
  /** What the client was answered; 0: nothing. */
  readonly status: number
  readonly reason: Reason
  readonly requestId: string
}

export interface RouteStats extends RouteAnswers {
  readonly name: string
  /** Per second. */
  readonly rates: Readonly<Record<WindowName, RouteRates>>
  /** Milliseconds. */
  readonly latency: Latency
  readonly windows: Readonly<Record<WindowName, Latency>>
  /** Absent: the route has no cache. */
  readonly cache?: RouteCacheStats
}

/** Readiness: what `/ready` answers. */
export interface Readiness {
  readonly ready: boolean
  /** Why it is not ready; empty when it is. */
  readonly notReady: readonly string[]
}

/** The state of the gateway without latencies: cheap to read. Counters are totals since the start. */
export interface GatewayState extends Readiness {
  readonly version: string
  readonly uptimeS: number
  readonly inFlight: number
  /** Open client connections. */
  readonly connections: number
  readonly acceptor: ThreadLoad
  readonly workers: readonly WorkerStats[]
  /** Which configuration is in use, 1 being that of the start, and what became of reloads. */
  readonly config: {
    readonly generation: number
    readonly succeeded: number
    readonly failed: number
    readonly lastSucceeded: boolean
    /** When it was taken, milliseconds since 1970. */
    readonly takenMs: number
  }
  readonly counters: Readonly<Record<GatewayCounter, number>>
  /** State stores of this machine that cannot be opened or do not take decisions: policies decide meanwhile. */
  readonly degradedStores: number
  /** Share of requests to upstreams that found a connection in a pool, since the start; 0 before the first. */
  readonly connectionReuseRatio: number
  readonly upstreams: readonly UpstreamStats[]
  /** Absent: no route has a cache. */
  readonly cache?: CacheSummary
  /** Per second. */
  readonly rates: Readonly<Record<WindowName, Rates>>
  /** Newest first. */
  readonly errors: readonly ErrorStats[]
}

/** What `/stats.json` answers. */
export interface GatewayStats extends GatewayState {
  /** Milliseconds, over all routes and workers, since the start. */
  readonly latency: Latency
  /** The same within the last seconds. */
  readonly windows: Readonly<Record<WindowName, Latency>>
  readonly routes: readonly RouteStats[]
}
