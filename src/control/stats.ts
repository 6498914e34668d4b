import {
  HistogramStore,
  histogramLog,
  type LatencySummary,
  type Phase,
  summaries,
} from '../histograms/index.js'
import { LifecycleBoard, SharedCounters, WorkerBoard, type WorkerState } from '../memory/index.js'
import { counterRows, GATEWAY_COUNTERS, type GatewayCounter } from '../session/counters.js'
import type { PeerTable } from '../upstream/index.js'
import type { ControlTask } from './control-task.js'
import { peerTableOf, type UpstreamStats, upstreamStats } from './peer-stats.js'

/** What `/stats.json` answers. Counters are totals since the start. */
export interface GatewayStats {
  readonly version: string
  readonly ready: boolean
  /** Why it is not ready; empty when it is. */
  readonly notReady: readonly string[]
  readonly inFlight: number
  readonly workers: readonly {
    readonly worker: number
    readonly state: WorkerState
    readonly inFlight: number
    readonly restarts: number
  }[]
  /** Which configuration is in use, 1 being that of the start, and what became of reloads. */
  readonly config: {
    readonly generation: number
    readonly succeeded: number
    readonly failed: number
    readonly lastSucceeded: boolean
  }
  readonly counters: Readonly<Record<GatewayCounter, number>>
  /** Share of requests to upstreams that found a connection in a pool, since the start; 0 before the first. */
  readonly connectionReuseRatio: number
  readonly upstreams: readonly UpstreamStats[]
  /** Milliseconds, over all routes and workers. */
  readonly latency: Readonly<Record<Phase, LatencySummary>>
}

/** Reads the gateway's shared memory; takes nothing from the threads that write it. */
export class StatsReader {
  #task: ControlTask
  readonly #board: WorkerBoard
  readonly #counters: SharedCounters<GatewayCounter>
  readonly #draining: Int32Array
  readonly #lifecycle: LifecycleBoard
  #histograms: HistogramStore
  #peers: PeerTable | null
  readonly #startMs = Date.now()

  constructor(task: ControlTask) {
    this.#task = task
    this.#board = new WorkerBoard(task.workers, task.board)
    this.#counters = new SharedCounters(GATEWAY_COUNTERS, counterRows(task.workers), task.counters)
    this.#histograms = new HistogramStore(task.workers, task.routes.length, task.histograms)
    this.#draining = new Int32Array(task.draining)
    this.#lifecycle = new LifecycleBoard(task.lifecycle)
    this.#peers = peerTableOf(task)
  }

  /** Another configuration is in use: other routes and upstreams. Board and counters stay. */
  use(task: ControlTask): void {
    this.#task = task
    this.#histograms = new HistogramStore(task.workers, task.routes.length, task.histograms)
    this.#peers = peerTableOf(task)
  }

  read(): GatewayStats {
    const board = this.#board
    const workers = Array.from({ length: board.workers }, (_, worker) => ({
      worker,
      state: board.state(worker),
      inFlight: board.inFlight(worker),
      restarts: board.restarts(worker),
    })).filter(({ state }) => state !== 'unused')
    const notReady: string[] = []
    if (Atomics.load(this.#draining, 0) === 1) notReady.push('draining')
    if (!workers.some((worker) => worker.state === 'ready')) notReady.push('no worker is ready')
    if (this.#lifecycle.shedBelow === 3) notReady.push('the memory limit is reached')
    const counters = this.#counters.totals()
    return {
      version: this.#task.version,
      ready: notReady.length === 0,
      notReady,
      inFlight: workers.reduce((sum, worker) => sum + worker.inFlight, 0),
      workers,
      config: { generation: this.#lifecycle.generation, ...this.#lifecycle.reloads },
      counters,
      connectionReuseRatio: reuseRatio(counters),
      upstreams: upstreamStats(this.#task, this.#peers),
      latency: summaries(this.#histograms),
    }
  }

  /** HdrHistogram log of everything since the start. */
  histogramLog(): string {
    return histogramLog(this.#histograms, this.#task.routes, this.#startMs, Date.now())
  }
}

function reuseRatio(counters: Readonly<Record<GatewayCounter, number>>): number {
  const { upstream_connections_opened: opened, upstream_connections_reused: reused } = counters
  return reused === 0 ? 0 : reused / (opened + reused)
}
