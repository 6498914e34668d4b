import type { EventLoopUtilization } from 'node:perf_hooks'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { Piscina } from 'piscina'
import type { GatewayConfig } from '../config/types.js'
import { createWorkerLink, type Dispatcher, type WorkerLink } from '../dispatch/index.js'
import type { Logger } from '../logging/index.js'
import type { CounterRow, WorkerBoard } from '../memory/index.js'
import type { GatewayCounter } from '../session/counters.js'
import { clockAnchor } from '../time/index.js'
import type { PeerTable } from '../upstream/index.js'
import { BELL, type WorkerMessage, type WorkerTask } from '../worker/worker-task.js'
import { Backoff } from './backoff.js'

export interface WorkerPoolOptions {
  readonly config: GatewayConfig
  readonly dispatcher: Dispatcher
  readonly board: WorkerBoard
  readonly countersBuffer: SharedArrayBuffer
  readonly histograms: SharedArrayBuffer
  readonly peers: PeerTable
  readonly counters: CounterRow<GatewayCounter>
  readonly logger: Logger
  /** As in {@link WorkerTask}. Default ''. */
  readonly instanceId?: string
  /** How long a worker may take to come up, filters included, ms. Default 20,000. */
  readonly startTimeoutMs?: number
}

/** One place in the pool: the actor that runs there now, and what came before it. */
interface Place {
  readonly worker: number
  readonly backoff: Backoff
  link: WorkerLink | null
  port: MessagePort | null
  threadId: number
  /** Its event loop when it was asked about last, and on which thread. */
  loop: { readonly threadId: number; readonly seen: EventLoopUtilization } | null
  ready: boolean
  beats: number
  beatAtMs: number
  /** Why the supervisor ended the thread, if it did. */
  reason: string | null
  restart: NodeJS.Timeout | null
  /** Settled when the current actor's task is over. */
  task: Promise<void>
}

const START_TIMEOUT_MS = 20_000
/** How often the supervisor looks whether workers beat, at most. */
const LOOK_MS = 250
/** How long actors have to finish when the gateway stops. */
const STOP_TIMEOUT_MS = 2_000

/**
 * The workers under Piscina: one task for the life of each actor. When a thread throws, exits, runs out of heap or stops
 * beating, its task rejects, Piscina puts a new thread in its place, and the actor is started again on it, with back-off.
 */
export class WorkerPool {
  readonly #options: WorkerPoolOptions
  readonly #piscina: Piscina
  readonly #places: Place[]
  readonly #startTimeoutMs: number
  #watchdog: NodeJS.Timeout | null = null
  #stopping = false
  #onFirstReady: ((error: Error | null) => void) | null = null
  #everReady = 0

  constructor(options: WorkerPoolOptions) {
    this.#options = options
    this.#startTimeoutMs = options.startTimeoutMs ?? START_TIMEOUT_MS
    const { config } = options
    const workers = config.workers.count
    const heapMb = Math.round(config.workerLimits.heapBytes / (1024 * 1024))
    this.#piscina = new Piscina({
      filename: new URL('../worker/main.js', import.meta.url).href,
      minThreads: workers,
      maxThreads: workers,
      idleTimeout: Number.POSITIVE_INFINITY,
      concurrentTasksPerWorker: 1,
      // The default would freeze a worker's event loop while no task runs on it.
      atomics: 'disabled',
      recordTiming: false,
      ...(heapMb > 0 ? { resourceLimits: { maxOldGenerationSizeMb: heapMb } } : {}),
    })
    this.#piscina.on('error', (error) =>
      options.logger.error({ err: error }, 'a worker thread failed outside its task'),
    )
    this.#places = Array.from({ length: workers }, (_, worker) => ({
      worker,
      backoff: new Backoff(),
      link: null,
      port: null,
      threadId: -1,
      loop: null,
      ready: false,
      beats: 0,
      beatAtMs: 0,
      reason: null,
      restart: null,
      task: Promise.resolve(),
    }))
  }

  /** Starts all actors. Resolves when every one is ready. @throws Error of the first that fails before it was ready */
  async start(): Promise<void> {
    const ready = new Promise<void>((resolve, reject) => {
      this.#onFirstReady = (error) => (error === null ? resolve() : reject(error))
    })
    for (const place of this.#places) this.#run(place)
    const { watchdogMs } = this.#options.config.workerLimits
    const everyMs = Math.min(LOOK_MS, this.#startTimeoutMs / 4, watchdogMs > 0 ? watchdogMs / 4 : LOOK_MS)
    this.#watchdog = setInterval(() => this.#watch(watchdogMs), everyMs)
    this.#watchdog.unref()
    await ready
    this.#onFirstReady = null
  }

  /** Lets every actor finish and ends the threads. */
  async stop(): Promise<void> {
    this.#stopping = true
    if (this.#watchdog !== null) clearInterval(this.#watchdog)
    for (const place of this.#places) {
      if (place.restart !== null) clearTimeout(place.restart)
      // Whose answer has gone out is to end as such: the actor reads what is published before it stops.
      place.link?.mailbox.flushNow()
      place.port?.postMessage({ type: 'stop' } satisfies WorkerMessage)
    }
    // An actor that does not finish by itself, because a filter holds its thread, is ended with it. Not `Piscina.close`, which
    // resolves when the first of several tasks is done.
    let patience: NodeJS.Timeout | undefined
    const timeout = new Promise<void>((resolve) => {
      patience = setTimeout(resolve, STOP_TIMEOUT_MS)
    })
    await Promise.race([Promise.all(this.#places.map((place) => place.task)), timeout])
    clearTimeout(patience)
    await this.#piscina.destroy()
  }

  /** Share of time in which each worker's event loop was not idle since this was asked last; 0 without a thread. */
  loopsBusy(): number[] {
    return this.#places.map((place) => {
      const { threadId, loop } = place
      const thread = this.#piscina.threads.find((candidate) => candidate.threadId === threadId)
      if (thread === undefined) return 0
      const seen = thread.performance.eventLoopUtilization()
      place.loop = { threadId, seen }
      if (loop?.threadId !== threadId) return seen.utilization
      return thread.performance.eventLoopUtilization(seen, loop.seen).utilization
    })
  }

  #run(place: Place): void {
    const { config, dispatcher, board, countersBuffer, logger } = this.#options
    const { worker } = place
    const { port1, port2 } = new MessageChannel()
    const handler = dispatcher.handlerFor((error) => {
      logger.error({ worker, err: error }, 'the mailbox of a worker is damaged')
      if (place.link === link) this.#terminate(place, 'the mailbox of the worker is damaged')
    })
    const link = createWorkerLink(worker, () => port1.postMessage(BELL), handler)
    handler.link = link
    place.link = link
    place.port = port1
    place.threadId = -1
    place.ready = false
    place.reason = null
    board.setState(worker, 'starting')
    this.#expectBeat(place, this.#startTimeoutMs)
    port1.on('message', (message: typeof BELL | WorkerMessage) => {
      if (message === BELL) link.mailbox.wake()
      else if (message.type === 'running') place.threadId = message.threadId
      else if (message.type === 'ready') this.#onReady(place, link)
    })
    const task: WorkerTask = {
      worker,
      config,
      port: port2,
      toWorker: link.toWorker,
      toAcceptor: link.toAcceptor,
      board: board.buffer,
      counters: countersBuffer,
      histograms: this.#options.histograms,
      peers: this.#options.peers.buffer,
      clockAnchorMs: clockAnchor(),
      instanceId: this.#options.instanceId ?? '',
    }
    place.task = this.#piscina.run(task, { transferList: [port2] }).then(
      () => this.#onEnd(place, link, null),
      (error: unknown) => this.#onEnd(place, link, error instanceof Error ? error : new Error(String(error))),
    )
  }

  #onReady(place: Place, link: WorkerLink): void {
    const { board, dispatcher } = this.#options
    place.ready = true
    place.backoff.started()
    this.#expectBeat(place, 0)
    board.setState(place.worker, 'ready')
    link.mailbox.wake()
    dispatcher.addLink(link)
    this.#everReady += 1
    if (this.#everReady === this.#places.length) this.#onFirstReady?.(null)
  }

  /** The actor's task is over: as told, or because its thread died. */
  #onEnd(place: Place, link: WorkerLink, error: Error | null): void {
    const { board, counters, dispatcher, logger } = this.#options
    place.port?.close()
    place.port = null
    place.link = null
    board.setState(place.worker, 'lost')
    dispatcher.removeLink(link)
    if (this.#stopping) return
    const { reason } = place
    const cause = reason === null ? (error ?? new Error('the worker ended by itself')) : new Error(reason)
    if (this.#onFirstReady !== null) {
      this.#onFirstReady(cause)
      return
    }
    const delayMs = place.backoff.nextDelayMs()
    counters.add('worker_restarts')
    board.countRestart(place.worker)
    logger.error(
      { worker: place.worker, err: cause, restartInMs: delayMs },
      'a worker was lost and is replaced',
    )
    // Never twice on one thread: what a failed start left in its module cache would fail every later one.
    void this.#endThread(place).then(() => {
      this.#options.peers.releaseWorker(place.worker)
      if (this.#stopping) return
      place.restart = setTimeout(() => {
        place.restart = null
        this.#run(place)
      }, delayMs)
    })
  }

  /** Replaces workers that stopped beating, or do not come up: a filter that never returns to the event loop (C2). */
  #watch(watchdogMs: number): void {
    const nowMs = performance.now()
    for (const place of this.#places) {
      if (place.link === null) continue
      const beats = this.#options.board.beats(place.worker)
      if (beats !== place.beats) {
        place.beats = beats
        place.beatAtMs = Math.max(place.beatAtMs, nowMs)
        continue
      }
      const silentMs = nowMs - place.beatAtMs
      if (place.ready ? watchdogMs === 0 || silentMs < watchdogMs : silentMs < 0) continue
      this.#terminate(
        place,
        place.ready
          ? `the worker has not responded for ${Math.round(silentMs)} ms`
          : `the worker has not started within ${this.#startTimeoutMs} ms: a filter does not finish loading`,
      )
    }
  }

  /** The next silence is counted from `inMs` from now. */
  #expectBeat(place: Place, inMs: number): void {
    place.beats = this.#options.board.beats(place.worker)
    place.beatAtMs = performance.now() + inMs
  }

  #terminate(place: Place, reason: string): void {
    place.reason = reason
    this.#expectBeat(place, this.#startTimeoutMs)
    void this.#endThread(place)
  }

  /** Ends the thread of a place if it is still there. */
  async #endThread(place: Place): Promise<void> {
    const { threadId } = place
    await this.#piscina.threads.find((thread) => thread.threadId === threadId)?.terminate()
  }
}
