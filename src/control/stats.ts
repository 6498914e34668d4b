import {
  type HistogramChoice,
  HistogramStore,
  histogramLog,
  histogramWriters,
  intervalLog,
  type LatencySummary,
  type Phase,
  percentileText,
  summaries,
  summariesOf,
  WINDOWS_S,
} from '../histograms/index.js'
import { SharedCounters, WorkerBoard, type WorkerState } from '../memory/index.js'
import { counterRows, GATEWAY_COUNTERS, type GatewayCounter } from '../session/counters.js'
import type { Reason } from '../session/errors.js'
import { type RouteAnswers, Telemetry, type ThreadLoad } from '../telemetry/index.js'
import type { PeerTable } from '../upstream/index.js'
import type { ControlTask } from './control-task.js'
import { peerTableOf, type UpstreamStats, upstreamStats } from './peer-stats.js'
import { type Rates, type RouteRates, Sampler, WINDOW_NAMES, type WindowName } from './sampler.js'

type Latency = Readonly<Record<Phase, LatencySummary>>

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
  readonly counters: Readonly<Record<GatewayCounter, number>>
  /** Share of requests to upstreams that found a connection in a pool, since the start; 0 before the first. */
  readonly connectionReuseRatio: number
  readonly upstreams: readonly UpstreamStats[]
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

/** Reads the gateway's shared memory; takes nothing from the threads that write it. */
export class StatsReader {
  readonly task: ControlTask
  readonly histograms: HistogramStore
  readonly telemetry: Telemetry
  readonly sampler: Sampler
  readonly startMs = Date.now()
  readonly #board: WorkerBoard
  readonly #counters: SharedCounters<GatewayCounter>
  readonly #draining: Int32Array
  readonly #peers: PeerTable | null

  constructor(task: ControlTask) {
    this.task = task
    this.#board = new WorkerBoard(task.workers, task.board)
    this.#counters = new SharedCounters(GATEWAY_COUNTERS, counterRows(task.workers), task.counters)
    this.histograms = new HistogramStore(histogramWriters(task.workers), task.routes.length, task.histograms)
    this.telemetry = new Telemetry({ workers: task.workers, routes: task.routes.length - 1 }, task.telemetry)
    this.#draining = new Int32Array(task.draining)
    this.#peers = peerTableOf(task)
    const { histograms, telemetry } = this
    this.sampler = new Sampler(
      { counters: this.#counters, answers: telemetry.answers, histograms },
      this.startMs,
    )
  }

  readiness(): Readiness {
    const board = this.#board
    const notReady: string[] = []
    if (Atomics.load(this.#draining, 0) === 1) notReady.push('draining')
    const states = Array.from({ length: board.workers }, (_, worker) => board.state(worker))
    if (!states.includes('ready')) notReady.push('no worker is ready')
    return { ready: notReady.length === 0, notReady }
  }

  workers(): WorkerStats[] {
    const board = this.#board
    return Array.from({ length: board.workers }, (_, worker) => ({
      worker,
      state: board.state(worker),
      inFlight: board.inFlight(worker),
      restarts: board.restarts(worker),
      ...this.telemetry.threads.read(worker + 1),
    }))
  }

  upstreams(): UpstreamStats[] {
    return upstreamStats(this.task, this.#peers)
  }

  state(): GatewayState {
    const workers = this.workers()
    const counters = this.#counters.totals()
    const { threads, errors } = this.telemetry
    return {
      version: this.task.version,
      uptimeS: Math.round((Date.now() - this.startMs) / 1000),
      ...this.readiness(),
      inFlight: workers.reduce((sum, worker) => sum + worker.inFlight, 0),
      connections: threads.connections,
      acceptor: threads.read(0),
      workers,
      counters,
      connectionReuseRatio: reuseRatio(counters),
      upstreams: this.upstreams(),
      rates: byWindow((seconds) => this.sampler.rates(seconds)),
      errors: errors.latest().map(({ route, ...error }) => ({
        ...error,
        route: this.task.routes[route] ?? null,
      })),
    }
  }

  read(): GatewayStats {
    const { sampler, histograms, telemetry } = this
    const { intervals } = sampler
    const answers = telemetry.answers.totals()
    const windowsOf = (route: number | null): Readonly<Record<WindowName, Latency>> =>
      byWindow((seconds) => summariesOf((phase) => intervals.merged(phase, route, seconds)))
    return {
      ...this.state(),
      latency: summaries(histograms),
      windows: windowsOf(null),
      routes: this.task.routes.map((name, route) => ({
        name,
        ...(answers[route] ?? { requests: 0, serverErrors: 0, clientErrors: 0 }),
        rates: byWindow((seconds) => sampler.routeRates(route, seconds)),
        latency: summariesOf((phase) => histograms.merged(phase, route)),
        windows: windowsOf(route),
      })),
    }
  }

  /** HdrHistogram log of everything since the start. */
  histogramLog(choice: HistogramChoice = {}): string {
    return histogramLog(this.histograms, this.task.routes, this.startMs, Date.now(), choice)
  }

  /** HdrHistogram log of the last seconds, one line for each. */
  intervalLog(seconds: number, choice: HistogramChoice = {}): string {
    return intervalLog(this.sampler.intervals, this.task.routes, this.startMs, seconds, choice)
  }

  /** Percentile distributions as text. */
  percentileText(choice: HistogramChoice = {}): string {
    return percentileText(this.histograms, this.task.routes, choice)
  }
}

function byWindow<T>(of: (seconds: (typeof WINDOWS_S)[number]) => T): Record<WindowName, T> {
  const entries = WINDOWS_S.map((seconds, index) => [WINDOW_NAMES[index], of(seconds)])
  return Object.fromEntries(entries) as Record<WindowName, T>
}

function reuseRatio(counters: Readonly<Record<GatewayCounter, number>>): number {
  const { upstream_connections_opened: opened, upstream_connections_reused: reused } = counters
  return reused === 0 ? 0 : reused / (opened + reused)
}
