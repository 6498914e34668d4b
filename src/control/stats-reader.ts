import { isDeepStrictEqual } from 'node:util'
import type { RouteCacheStats } from '../cache/route-counters.js'
import {
  type HistogramChoice,
  HistogramStore,
  histogramLog,
  histogramWriters,
  intervalLog,
  percentileText,
  summaries,
  summariesOf,
  WINDOWS_S,
} from '../histograms/index.js'
import {
  LifecycleBoard,
  RESTART_REASONS,
  type RestartReason,
  SharedCounters,
  WorkerBoard,
} from '../memory/index.js'
import { counterRows, GATEWAY_COUNTERS, type GatewayCounter } from '../session/counters.js'
import { Telemetry } from '../telemetry/index.js'
import type { PeerTable } from '../upstream/index.js'
import { CacheReader } from './cache-reader.js'
import type { ControlTask } from './control-task.js'
import { peerTableOf, type UpstreamStats, upstreamStats } from './peer-stats.js'
import { Sampler, WINDOW_NAMES, type WindowName } from './sampler.js'
import type { GatewayState, GatewayStats, Latency, Readiness, WorkerStats } from './stats.js'
import { UpstreamHistory } from './upstream-history.js'

/** Reads the gateway's shared memory; takes nothing from the threads that write it. */
export class StatsReader {
  readonly startMs = Date.now()
  readonly #board: WorkerBoard
  readonly #counters: SharedCounters<GatewayCounter>
  readonly #draining: Int32Array
  readonly #lifecycle: LifecycleBoard
  #task: ControlTask
  #histograms: HistogramStore
  #telemetry: Telemetry
  #sampler: Sampler
  #peers: PeerTable | null
  #cache: CacheReader | null
  /** The last there was: a configuration without a cache may come in between. */
  #openedCache: CacheReader | null
  /** Attempts by upstream. */
  readonly history: UpstreamHistory

  constructor(task: ControlTask) {
    this.#task = task
    this.#board = new WorkerBoard(task.workers, task.board)
    this.#counters = new SharedCounters(GATEWAY_COUNTERS, counterRows(task.workers), task.counters)
    this.#histograms = histogramsOf(task)
    this.#telemetry = telemetryOf(task)
    this.#draining = new Int32Array(task.draining)
    this.#lifecycle = new LifecycleBoard(task.lifecycle)
    this.#peers = peerTableOf(task)
    this.#cache = CacheReader.of(task, null)
    this.#openedCache = this.#cache
    this.#sampler = this.#newSampler(this.startMs)
    this.history = new UpstreamHistory(task)
  }

  get task(): ControlTask {
    return this.#task
  }

  get histograms(): HistogramStore {
    return this.#histograms
  }

  get telemetry(): Telemetry {
    return this.#telemetry
  }

  get sampler(): Sampler {
    return this.#sampler
  }

  /** Null: no route has a cache. */
  get cache(): CacheReader | null {
    return this.#cache
  }

  /** Another configuration is in use: perhaps other routes and upstreams. Board and counters stay, and with the same routes all else. */
  use(task: ControlTask): void {
    const isSame = isDeepStrictEqual(task.routes, this.#task.routes)
    this.#task = task
    this.#peers = peerTableOf(task)
    this.#cache = CacheReader.of(task, this.#openedCache)
    this.#openedCache = this.#cache ?? this.#openedCache
    this.history.use(task)
    if (isSame) return
    this.#histograms = histogramsOf(task)
    this.#telemetry = telemetryOf(task)
    this.#sampler = this.#newSampler(Date.now(), this.#sampler.history)
  }

  readiness(): Readiness {
    const board = this.#board
    const notReady: string[] = []
    if (Atomics.load(this.#draining, 0) === 1) notReady.push('draining')
    const states = Array.from({ length: board.workers }, (_, worker) => board.state(worker))
    if (!states.includes('ready')) notReady.push('no worker is ready')
    if (this.#lifecycle.shedBelow === 3) notReady.push('the memory limit is reached')
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
    })).filter(({ state }) => state !== 'unused')
  }

  /** How often a worker was replaced, by reason; seats of workers that are gone count too. */
  replacements(): { readonly worker: number; readonly reason: RestartReason; readonly count: number }[] {
    const board = this.#board
    return Array.from({ length: board.workers }, (_, worker) => worker).flatMap((worker) =>
      RESTART_REASONS.map((reason) => ({ worker, reason, count: board.replacements(worker, reason) })),
    )
  }

  /** Does a worker sit there? */
  isAlive(worker: number): boolean {
    const state = this.#board.state(worker)
    return state === 'ready' || state === 'draining'
  }

  upstreams(): UpstreamStats[] {
    return upstreamStats(this.task, this.#peers)
  }

  state(): GatewayState {
    const workers = this.workers()
    const counters = withoutIdle(this.#counters.totals())
    const { threads, errors } = this.telemetry
    return {
      version: this.task.version,
      uptimeS: Math.round((Date.now() - this.startMs) / 1000),
      ...this.readiness(),
      inFlight: workers.reduce((sum, worker) => sum + worker.inFlight, 0),
      connections: threads.connections,
      acceptor: threads.read(0),
      workers,
      config: {
        generation: this.#lifecycle.generation,
        ...this.#lifecycle.reloads,
        takenMs: this.#lifecycle.takenMs,
      },
      counters,
      degradedStores: this.#lifecycle.degradedStores,
      connectionReuseRatio: reuseRatio(counters),
      upstreams: this.upstreams(),
      ...(this.#cache !== null && { cache: this.#cache.summary() }),
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
      byWindow((seconds) => summariesOf((phase, into) => intervals.addCounts(phase, route, seconds, into)))
    return {
      ...this.state(),
      latency: summaries(histograms),
      windows: windowsOf(null),
      routes: this.task.routes.map((name, route) => ({
        name,
        ...(answers[route] ?? { requests: 0, serverErrors: 0, clientErrors: 0 }),
        rates: byWindow((seconds) => sampler.routeRates(route, seconds)),
        latency: summariesOf((phase, into) => histograms.addCounts(phase, route, into)),
        windows: windowsOf(route),
        ...cacheOf(this.#cache?.route(route)),
      })),
    }
  }

  #newSampler(nowMs: number, history: Sampler['history'] = []): Sampler {
    const [counters, histograms, { answers }] = [this.#counters, this.#histograms, this.#telemetry]
    return new Sampler({ counters, answers, histograms }, nowMs, history)
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

function histogramsOf({ workers, routes, histograms }: ControlTask): HistogramStore {
  return new HistogramStore(histogramWriters(workers), routes.length, histograms)
}

/** The row behind those of the routes is no route. */
function telemetryOf({ workers, routes, telemetry }: ControlTask): Telemetry {
  return new Telemetry({ workers, routes: routes.length - 1 }, telemetry)
}

function byWindow<T>(of: (seconds: (typeof WINDOWS_S)[number]) => T): Record<WindowName, T> {
  const entries = WINDOWS_S.map((seconds, index) => [WINDOW_NAMES[index], of(seconds)])
  return Object.fromEntries(entries) as Record<WindowName, T>
}

/** Without the currencies in which nothing was spent, which are nearly all. */
function withoutIdle(counters: Readonly<Record<GatewayCounter, number>>): Record<GatewayCounter, number> {
  const used = Object.entries(counters).filter(
    ([name, value]) => value !== 0 || !name.startsWith('ad_spend_micros:'),
  )
  return Object.fromEntries(used) as Record<GatewayCounter, number>
}

function reuseRatio(counters: Readonly<Record<GatewayCounter, number>>): number {
  const { upstream_connections_opened: opened, upstream_connections_reused: reused } = counters
  return reused === 0 ? 0 : reused / (opened + reused)
}

function cacheOf(cache: RouteCacheStats | null | undefined): { cache?: RouteCacheStats } {
  return cache === null || cache === undefined ? {} : { cache }
}
