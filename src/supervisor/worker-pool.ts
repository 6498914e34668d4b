import { MessageChannel } from 'node:worker_threads'
import { Piscina } from 'piscina'
import type { AccessLogEnd } from '../access-log/index.js'
import type { AdMemory } from '../ads/route/ad-memory.js'
import type { CacheMemory } from '../cache/cache-memory.js'
import type { GatewayConfig, LogLevel } from '../config/types.js'
import type { CommandResult } from '../control/index.js'
import { createWorkerLink, type Dispatcher, type WorkerLink } from '../dispatch/index.js'
import type { Logger } from '../logging/index.js'
import { type CounterRow, GcraTable, type RestartReason, type WorkerBoard } from '../memory/index.js'
import type { GatewayCounter } from '../session/counters.js'
import type { StorePort } from '../state/kept-state-thread.js'
import type { TelemetryBuffers } from '../telemetry/index.js'
import { clockAnchor } from '../time/index.js'
import type { PeerTable } from '../upstream/index.js'
import { BELL, type WorkerMessage, type WorkerTask } from '../worker/worker-task.js'
import { countStart, newPlace, type Place } from './place.js'
import type { Seats } from './seats.js'

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
  /** Absent: no route serves ads. */
  readonly ads?: AdMemory
  /** What the thread of a worker has left behind in shared memory is put in order; awaited before another takes its place. */
  forget?(worker: number): Promise<void>
  readonly counters: CounterRow<GatewayCounter>
  readonly logger: Logger
  /** Of each seat; absent or empty: no access log. */
  readonly accessLogs?: readonly AccessLogEnd[]
  /** Of the table that all workers count in. Default: one of its own. */
  readonly rateLimits?: SharedArrayBuffer
  /** As in {@link WorkerTask}. Default ''. */
  readonly instanceId?: string
  /** Ports to the state stores, for one worker. Default: none. */
  readonly storePorts?: () => readonly StorePort[]
  /** How long a worker may take to come up, filters included, ms. Default 20,000. */
  readonly startTimeoutMs?: number
  /** One for each worker. Default: from 0 on. */
  readonly seats?: readonly number[]
  /** Where a successor finds its seat, and the recycled worker's goes; absent: workers are not recycled. */
  readonly spareSeats?: Pick<Seats, 'take' | 'giveBack'>
  /** Every worker has died `workerLimits.failedStarts` times in a row before it was of any use (C4). Called once. */
  onHopeless?(cause: Error): void
  /** The workers get no sessions before {@link WorkerPool.takeOver}. Default false. */
  readonly standsBy?: boolean
}

const START_TIMEOUT_MS = 20_000
/** How often the supervisor looks whether workers beat, at most. */
const LOOK_MS = 250
/** How often it is looked whether retired workers have nothing to do any more. */
const IDLE_LOOK_MS = 10
/** How long actors have to finish when the gateway stops. */
const STOP_TIMEOUT_MS = 2_000

/**
 * The workers under Piscina: one task for the life of each actor. When a thread throws, exits, runs out of heap or stops
 * beating, its task rejects, Piscina puts a new thread in its place, and the actor is started again on it, with back-off.
 */
export class WorkerPool {
  readonly #options: WorkerPoolOptions
  readonly #piscina: Piscina
  readonly #startTimeoutMs: number
  readonly #rateLimits: SharedArrayBuffer
  #places: Place[]
  #watchdog: NodeJS.Timeout | null = null
  #stopping = false
  #standsBy: boolean
  #recycling = false
  #isHopeless = false
  #logLevel: LogLevel
  /** Routes whose hits need no worker. */
  readonly #hits = new Set<number>()

  constructor(options: WorkerPoolOptions) {
    this.#options = options
    this.#startTimeoutMs = options.startTimeoutMs ?? START_TIMEOUT_MS
    this.#rateLimits = options.rateLimits ?? new GcraTable().buffer
    this.#standsBy = options.standsBy ?? false
    const { config } = options
    this.#logLevel = config.log.level
    const workers = config.workers.count
    const heapMb = Math.round(config.workerLimits.heapBytes / (1024 * 1024))
    this.#piscina = new Piscina({
      filename: new URL('../worker/main.js', import.meta.url).href,
      minThreads: workers,
      // One more for the successor of a worker that is recycled.
      maxThreads: workers + 1,
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
    this.#places = []
  }

  /** Starts all actors. Resolves when every one is ready. @throws Error of the first that fails before it was ready */
  async start(): Promise<void> {
    const { config, seats = Array.from({ length: config.workers.count }, (_, seat) => seat) } = this.#options
    const ready = seats.map((seat) => this.#begin(seat))
    const { watchdogMs } = config.workerLimits
    const everyMs = Math.min(LOOK_MS, this.#startTimeoutMs / 4, watchdogMs > 0 ? watchdogMs / 4 : LOOK_MS)
    this.#watchdog = setInterval(() => this.#watch(watchdogMs), everyMs)
    this.#watchdog.unref()
    await Promise.all(ready)
  }

  /** Where its workers sit at the moment. */
  get seats(): number[] {
    return this.#places.map(({ worker }) => worker)
  }

  /** The workers that stood by get sessions from now on. */
  takeOver(): void {
    this.#standsBy = false
    this.#options.dispatcher.allowHits([...this.#hits])
    for (const { ready, link } of this.#places) {
      if (ready && link !== null) this.#options.dispatcher.addLink(link)
    }
  }

  /**
   * No new sessions; ends the threads when those in flight are over, or after `patienceMs`.
   * @returns how many were cut
   */
  async retire(patienceMs: number): Promise<number> {
    const places = [...this.#places]
    for (const place of places) this.#retirePlace(place)
    const lost = await this.#untilIdle(places, patienceMs)
    await this.stop()
    return lost
  }

  /**
   * Replaces a worker without losing a session: the successor takes over once it is ready.
   * @returns null when there is no such worker, no seat, or another one is being recycled; else where the successor sits and how many
   *   sessions were cut
   * @throws Error when the successor does not come up; the worker goes on then
   */
  async recycle(worker: number, reason: RestartReason): Promise<{ successor: number; lost: number } | null> {
    const place = this.#places.find(
      (candidate) => candidate.worker === worker && candidate.ready && !candidate.retiring,
    )
    const { spareSeats, config, logger } = this.#options
    if (place === undefined || spareSeats === undefined || this.#recycling || this.#stopping) return null
    const [seat] = spareSeats.take(1) ?? []
    if (seat === undefined) return null
    this.#recycling = true
    try {
      try {
        await this.#begin(seat)
      } catch (error) {
        this.#places = this.#places.filter((candidate) => candidate.worker !== seat)
        await this.#vacate(seat)
        throw error
      }
      this.#retirePlace(place)
      const lost = await this.#untilIdle([place], config.drain.timeoutMs)
      place.link?.mailbox.flushNow()
      place.port?.postMessage({ type: 'stop' } satisfies WorkerMessage)
      await Promise.race([place.task, wait(STOP_TIMEOUT_MS)])
      await this.#endThread(place)
      await place.task
      this.#places = this.#places.filter((candidate) => candidate !== place)
      await this.#vacate(worker)
      this.#options.board.countReplacement(worker, reason)
      logger.info({ worker, successor: seat, lost, reason }, 'a worker was recycled')
      return { successor: seat, lost }
    } finally {
      this.#recycling = false
    }
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
    await Promise.race([Promise.all(this.#places.map((place) => place.task)), wait(STOP_TIMEOUT_MS)])
    await this.#piscina.destroy()
    // What the destroyed threads had is accounted for before their seats are given to others.
    await Promise.all(this.#places.map((place) => place.task))
  }

  /** Starts an actor on a seat. Resolves when it is ready. */
  async #begin(seat: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const place = newPlace(seat, (error) => (error === null ? resolve() : reject(error)))
      this.#places.push(place)
      this.#run(place)
    })
  }

  #retirePlace(place: Place): void {
    const { board, dispatcher } = this.#options
    place.retiring = true
    if (place.restart !== null) clearTimeout(place.restart)
    if (place.link === null) return
    board.setState(place.worker, 'draining')
    dispatcher.retireLink(place.link)
  }

  /** @returns sessions that were still in flight when the time was up */
  async #untilIdle(places: readonly Place[], patienceMs: number): Promise<number> {
    const inFlight = (): number =>
      places.reduce((sum, { worker }) => sum + this.#options.board.inFlight(worker), 0)
    const endMs = performance.now() + patienceMs
    while (inFlight() > 0 && performance.now() < endMs && !this.#stopping) await wait(IDLE_LOOK_MS)
    return inFlight()
  }

  async #vacate(seat: number): Promise<void> {
    await this.#options.forget?.(seat)
    this.#options.board.setState(seat, 'unused')
    this.#options.peers.releaseWorker(seat)
    this.#options.spareSeats?.giveBack([seat])
  }

  /** Takes a CPU profile of a worker's thread. */
  capture(worker: number, durationMs: number): Promise<CommandResult> {
    const place = this.#places.find((candidate) => candidate.worker === worker && !candidate.retiring)
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
      if (place.link === link) this.#terminate(place, 'the mailbox of the worker is damaged', 'mailbox')
    })
    const link = createWorkerLink(worker, () => place.port?.postMessage(BELL), handler)
    handler.link = link
    return link
  }

  #run(place: Place): void {
    const { config, board, countersBuffer } = this.#options
    const { worker } = place
    const { port1, port2 } = new MessageChannel()
    const link = this.#createLink(place)
    place.link = link
    place.port = port1
    place.threadId = -1
    place.ready = false
    place.reason = null
    place.cause = null
    board.setState(worker, 'starting')
    this.#expectBeat(place, this.#startTimeoutMs)
    port1.on('message', (message: typeof BELL | WorkerMessage) => {
      if (message === BELL) link.mailbox.wake()
      else if (message.type === 'running') place.threadId = message.threadId
      else if (message.type === 'ready') {
        this.#onHits(place, message.hits)
        this.#onReady(place, link)
      } else if (message.type === 'captured') this.#onCaptured(place, { ok: true, value: message.profile })
      else if (message.type === 'not-captured')
        this.#onCaptured(place, { ok: false, status: 409, message: message.message })
    })
    const stores = this.#options.storePorts?.() ?? []
    const task: WorkerTask = {
      worker,
      seats: board.workers,
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
      ...(this.#options.ads === undefined ? {} : { ads: this.#options.ads }),
      rateLimits: this.#rateLimits,
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

  #onHits({ retiring }: Place, routes: readonly number[]): void {
    if (retiring) return
    for (const route of routes) this.#hits.add(route)
    // Before that the dispatcher goes by another configuration.
    if (!this.#standsBy) this.#options.dispatcher.allowHits(routes)
  }

  #onReady(place: Place, link: WorkerLink): void {
    const { board, dispatcher } = this.#options
    place.ready = true
    place.backoff.started()
    this.#expectBeat(place, 0)
    place.readyAtMs = performance.now()
    link.mailbox.wake()
    if (!place.retiring) {
      board.setState(place.worker, 'ready')
      if (!this.#standsBy) dispatcher.addLink(link)
    }
    place.onFirst?.(null)
    place.onFirst = null
  }

  /** The actor's task is over: as told, or because its thread died. */
  #onEnd(place: Place, link: WorkerLink, error: Error | null): void {
    const { board, counters, dispatcher, logger } = this.#options
    const inFlight = board.inFlight(place.worker)
    countStart(place, inFlight)
    place.port?.close()
    place.port = null
    place.link = null
    this.#onCaptured(place, { ok: false, status: 500, message: 'the worker ended meanwhile' })
    board.setState(place.worker, 'lost')
    dispatcher.removeLink(link)
    const { reason, onFirst } = place
    const cause = reason === null ? (error ?? new Error('the worker ended by itself')) : new Error(reason)
    if (onFirst !== null) {
      place.onFirst = null
      place.retiring = true
      void this.#endThread(place)
      onFirst(cause)
      return
    }
    if (this.#stopping || place.retiring) return
    const delayMs = place.backoff.nextDelayMs()
    counters.add('worker_restarts')
    board.countRestart(place.worker, place.cause ?? causeOf(error))
    logger.error(
      { worker: place.worker, err: cause, inFlight, restartInMs: delayMs },
      'a worker was lost and is replaced',
    )
    this.#giveUp(cause)
    // Never twice on one thread: what a failed start left in its module cache would fail every later one.
    void this.#endThread(place).then(async () => {
      await this.#options.forget?.(place.worker)
      this.#options.peers.releaseWorker(place.worker)
      if (this.#stopping || place.retiring) return
      place.restart = setTimeout(() => {
        place.restart = null
        this.#run(place)
      }, delayMs)
    })
  }

  #giveUp(cause: Error): void {
    const { config, onHopeless } = this.#options
    const { failedStarts } = config.workerLimits
    const places = this.#places.filter(({ retiring }) => !retiring)
    if (failedStarts === 0 || this.#isHopeless || places.some((place) => place.failedStarts < failedStarts))
      return
    this.#isHopeless = true
    onHopeless?.(cause)
  }

  #onCaptured(place: Place, result: CommandResult): void {
    place.onCaptured?.(result)
    place.onCaptured = null
  }

  /** Replaces workers that stopped beating, or do not come up: a filter that never returns to the event loop (C2). */
  #watch(watchdogMs: number): void {
    const nowMs = performance.now()
    this.#recycleWorn(nowMs)
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
        place.ready ? 'unresponsive' : 'not-started',
      )
    }
  }

  /** Replaces a worker that is too old or has grown too large. */
  #recycleWorn(nowMs: number): void {
    const { config, board, logger } = this.#options
    const { maxAgeMs, memoryBytes } = config.workerLimits
    if ((maxAgeMs === 0 && memoryBytes === 0) || this.#recycling || this.#standsBy) return
    const worn = this.#places.find(({ ready, retiring, worker, readyAtMs, lifespan }) => {
      if (!ready || retiring) return false
      if (memoryBytes > 0 && board.memoryBytes(worker) > memoryBytes) return true
      return maxAgeMs > 0 && nowMs - readyAtMs > maxAgeMs * lifespan
    })
    if (worn === undefined) return
    const isLarge = memoryBytes > 0 && board.memoryBytes(worn.worker) > memoryBytes
    this.recycle(worn.worker, isLarge ? 'memory' : 'age').catch((error: unknown) => {
      worn.readyAtMs = nowMs
      logger.error({ worker: worn.worker, err: error }, 'a worker cannot be recycled and goes on')
    })
  }

  /** Replaces the worker that holds most memory. */
  async recycleLargest(): Promise<void> {
    const { board } = this.#options
    const [largest] = this.#places
      .filter(({ ready, retiring }) => ready && !retiring)
      .sort((a, b) => board.memoryBytes(b.worker) - board.memoryBytes(a.worker))
    if (largest !== undefined) await this.recycle(largest.worker, 'memory')
  }

  /** The next silence is counted from `inMs` from now. */
  #expectBeat(place: Place, inMs: number): void {
    place.beats = this.#options.board.beats(place.worker)
    place.beatAtMs = performance.now() + inMs
  }

  #terminate(place: Place, reason: string, cause: RestartReason): void {
    place.reason = reason
    place.cause = cause
    this.#expectBeat(place, this.#startTimeoutMs)
    void this.#endThread(place)
  }

  /** Ends the thread of a place if it is still there. */
  async #endThread(place: Place): Promise<void> {
    const { threadId } = place
    await this.#piscina.threads.find((thread) => thread.threadId === threadId)?.terminate()
  }
}

function wait(timeMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, timeMs).unref()
  })
}

/** Of a worker that the supervisor did not end. */
function causeOf(error: Error | null): RestartReason {
  return error !== null && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
    ? 'out-of-heap'
    : 'failed'
}
