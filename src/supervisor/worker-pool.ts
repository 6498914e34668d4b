import type { EventLoopUtilization } from 'node:perf_hooks'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { Piscina } from 'piscina'
import type { AccessLogEnd } from '../access-log/index.js'
import type { CacheMemory } from '../cache/cache-memory.js'
import type { GatewayConfig, LogLevel } from '../config/types.js'
import type { CommandResult } from '../control/index.js'
import { createWorkerLink, type Dispatcher, type WorkerLink } from '../dispatch/index.js'
import type { Logger } from '../logging/index.js'
import type { CounterRow, WorkerBoard } from '../memory/index.js'
import type { GatewayCounter } from '../session/counters.js'
import type { StorePort } from '../state/state-thread.js'
import type { TelemetryBuffers } from '../telemetry/index.js'
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
  readonly telemetry: TelemetryBuffers
  readonly peers: PeerTable
  /** Absent: no route has a cache. */
  readonly cache?: CacheMemory
  /** What the thread of a worker has left behind in shared memory is put in order; awaited before another takes its place. */
  forget?(worker: number): Promise<void>
  readonly counters: CounterRow<GatewayCounter>
  readonly logger: Logger
  /** Of each worker; absent: no access log. */
  readonly accessLogs?: readonly AccessLogEnd[]
  /** As in {@link WorkerTask}. Default ''. */
  readonly instanceId?: string
  /** Ports to the state stores, for one worker. Default: none. */
  readonly storePorts?: () => readonly StorePort[]
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
  /** It is being restarted as asked; what is to be known of it when the new actor is ready. */
  restarting: { readonly onReady: () => void } | null
  /** The link of the next actor, which takes sessions before that one has begun. */
  nextLink: WorkerLink | null
  /** Whoever waits for a profile of the thread. */
  onCaptured: ((result: CommandResult) => void) | null
  /** Settled when the current actor's task is over. */
  task: Promise<void>
}

const START_TIMEOUT_MS = 20_000
/** How often the supervisor looks whether workers beat, at most. */
const LOOK_MS = 250
/** How often somebody looks whether a worker that is to be restarted has finished, ms. */
const LEFT_LOOK_MS = 20
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
  #logLevel: LogLevel

  constructor(options: WorkerPoolOptions) {
    this.#options = options
    this.#startTimeoutMs = options.startTimeoutMs ?? START_TIMEOUT_MS
    const { config } = options
    this.#logLevel = config.log.level
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
      restarting: null,
      nextLink: null,
      onCaptured: null,
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

  /**
   * Replaces a worker without losing a session: it gets no more of them, finishes those that it has, and a new one starts in its place. Where
   * it is the only one, new sessions wait in the mailbox of the next one meanwhile.
   * @param patienceMs longest wait for its sessions; what is left then is cut
   * @returns when the new one is ready; null when the worker is not in a state to be restarted
   */
  async restart(worker: number, patienceMs: number): Promise<{ lost: number } | null> {
    const place = this.#places[worker]
    const link = place?.link ?? null
    if (place === undefined || link === null || !place.ready || place.restarting !== null || this.#stopping)
      return null
    const ready = new Promise<void>((resolve) => {
      place.restarting = { onReady: resolve }
    })
    const { dispatcher } = this.#options
    if (dispatcher.retireLink(link) === 0) {
      place.nextLink = this.#createLink(place)
      dispatcher.addLink(place.nextLink)
    }
    const deadlineMs = performance.now() + patienceMs
    while (dispatcher.sessionsOf(link) > 0 && place.link === link && performance.now() < deadlineMs)
      await new Promise((resolve) => setTimeout(resolve, LEFT_LOOK_MS))
    const lost = dispatcher.sessionsOf(link)
    if (place.link === link) {
      link.mailbox.flushNow()
      place.port?.postMessage({ type: 'stop' } satisfies WorkerMessage)
      const { task } = place
      const overdue = setTimeout(() => {
        if (place.link === link) this.#terminate(place, 'the worker did not end when it was told to')
      }, STOP_TIMEOUT_MS)
      await task
      clearTimeout(overdue)
    }
    await ready
    return { lost }
  }

  /** Takes a CPU profile of a worker's thread. */
  capture(worker: number, durationMs: number): Promise<CommandResult> {
    const place = this.#places[worker]
    const port = place?.port ?? null
    if (place === undefined || port === null || !place.ready || place.onCaptured !== null)
      return Promise.resolve({
        ok: false,
        status: 409,
        message: `worker ${worker} is not ready, or being profiled already`,
      })
    return new Promise((resolve) => {
      place.onCaptured = resolve
      port.postMessage({ type: 'capture', durationMs } satisfies WorkerMessage)
    })
  }

  /** All workers log from this level on, also those that start later. */
  setLogLevel(level: LogLevel): void {
    this.#logLevel = level
    for (const { port } of this.#places)
      port?.postMessage({ type: 'log-level', level } satisfies WorkerMessage)
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

  #createLink(place: Place): WorkerLink {
    const { dispatcher, logger } = this.#options
    const { worker } = place
    const handler = dispatcher.handlerFor((error) => {
      logger.error({ worker, err: error }, 'the mailbox of a worker is damaged')
      if (place.link === link) this.#terminate(place, 'the mailbox of the worker is damaged')
    })
    // Before its actor runs nobody hears the bell: what lies in the ring is read when it starts.
    const ring = (): void => {
      if (place.link === link) place.port?.postMessage(BELL)
    }
    const link = createWorkerLink(worker, ring, handler)
    handler.link = link
    return link
  }

  #run(place: Place): void {
    const { config, board, countersBuffer } = this.#options
    const { worker } = place
    const { port1, port2 } = new MessageChannel()
    const link = place.nextLink ?? this.#createLink(place)
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
      else if (message.type === 'ready') {
        this.#options.dispatcher.allowHits(message.hits)
        this.#onReady(place, link)
      } else if (message.type === 'captured') this.#onCaptured(place, { ok: true, value: message.profile })
      else if (message.type === 'not-captured')
        this.#onCaptured(place, { ok: false, status: 409, message: message.message })
    })
    const stores = this.#options.storePorts?.() ?? []
    const task: WorkerTask = {
      worker,
      config: { ...config, log: { ...config.log, level: this.#logLevel } },
      port: port2,
      toWorker: link.toWorker,
      toAcceptor: link.toAcceptor,
      board: board.buffer,
      counters: countersBuffer,
      histograms: this.#options.histograms,
      telemetry: this.#options.telemetry,
      peers: this.#options.peers.buffer,
      ...(this.#options.cache === undefined ? {} : { cache: this.#options.cache }),
      clockAnchorMs: clockAnchor(),
      accessLog: this.#options.accessLogs?.[place.worker],
      instanceId: this.#options.instanceId ?? '',
      stores,
    }
    place.task = this.#piscina.run(task, { transferList: [port2, ...stores.map(({ port }) => port)] }).then(
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
    if (place.nextLink === link) place.nextLink = null
    else dispatcher.addLink(link)
    place.restarting?.onReady()
    place.restarting = null
    this.#everReady += 1
    if (this.#everReady === this.#places.length) this.#onFirstReady?.(null)
  }

  /** The actor's task is over: as told, or because its thread died. */
  #onEnd(place: Place, link: WorkerLink, error: Error | null): void {
    const { board, counters, dispatcher, logger } = this.#options
    place.port?.close()
    place.port = null
    place.link = null
    this.#onCaptured(place, { ok: false, status: 500, message: 'the worker ended meanwhile' })
    board.setState(place.worker, 'lost')
    dispatcher.removeLink(link)
    if (place.nextLink === link) place.nextLink = null
    if (this.#stopping) {
      place.restarting?.onReady()
      return
    }
    const { reason } = place
    if (place.restarting !== null && reason === null && error === null) {
      logger.info({ worker: place.worker }, 'a worker has ended as asked and is started again')
      board.countRestart(place.worker)
      this.#startAgain(place, 0)
      return
    }
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
    this.#startAgain(place, delayMs)
  }

  /** Never twice on one thread: what a failed start left in its module cache would fail every later one. */
  #startAgain(place: Place, delayMs: number): void {
    void this.#endThread(place).then(async () => {
      await this.#options.forget?.(place.worker)
      this.#options.peers.releaseWorker(place.worker)
      if (this.#stopping) return
      place.restart = setTimeout(() => {
        place.restart = null
        this.#run(place)
      }, delayMs)
    })
  }

  #onCaptured(place: Place, result: CommandResult): void {
    place.onCaptured?.(result)
    place.onCaptured = null
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
