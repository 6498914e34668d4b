import type { LogLevel } from '../config/types.js'
import type { CommandResult } from '../control/index.js'
import type { RestartReason } from '../memory/index.js'
import type { WorkerMessage } from '../worker/worker-task.js'
import { ActorKeeper } from './actor-keeper.js'
import { newPlace, type Place } from './place.js'
import { Watchdog } from './watchdog.js'
import type { WorkerPoolOptions } from './worker-pool-options.js'
import { WorkerThreads } from './worker-threads.js'

const START_TIMEOUT_MS = 20_000
/** How often it is looked whether retired workers have nothing to do any more. */
const IDLE_LOOK_MS = 10
/** How long actors have to finish when the gateway stops. */
const STOP_TIMEOUT_MS = 2_000

/**
 * The workers of one configuration, each at its place, where an actor is kept running whatever happens to it: they
 * come up, take over from those before them, are replaced one by one when they have worn, and go.
 */
export class WorkerPool {
  readonly #options: WorkerPoolOptions
  readonly #startTimeoutMs: number
  readonly #threads: WorkerThreads
  readonly #actors: ActorKeeper
  #places: Place[] = []
  #watchdog: Watchdog | null = null
  #standsBy: boolean
  #recycling = false
  #isHopeless = false
  /** Routes whose hits need no worker. */
  readonly #hits = new Set<number>()

  constructor(options: WorkerPoolOptions) {
    this.#options = options
    this.#startTimeoutMs = options.startTimeoutMs ?? START_TIMEOUT_MS
    this.#standsBy = options.standsBy ?? false
    const { config, dispatcher, logger } = options
    this.#threads = new WorkerThreads(config, logger)
    this.#actors = new ActorKeeper(options, this.#threads, this.#startTimeoutMs, {
      onHits: (routes) => {
        for (const route of routes) this.#hits.add(route)
        // Before that the dispatcher goes by another configuration.
        if (!this.#standsBy) dispatcher.allowHits(routes)
      },
      onReady: (link) => {
        if (!this.#standsBy) dispatcher.addLink(link)
      },
      onLost: (cause) => this.#giveUp(cause),
    })
  }

  /** Starts all actors. Resolves when every one is ready. @throws Error of the first that fails before it was ready */
  async start(): Promise<void> {
    const {
      board,
      config,
      seats = Array.from({ length: config.workers.count }, (_, seat) => seat),
    } = this.#options
    const ready = seats.map((seat) => this.#begin(seat))
    this.#watchdog = new Watchdog({
      board,
      limits: config.workerLimits,
      startTimeoutMs: this.#startTimeoutMs,
      places: () => this.#places,
      onWorn: (place, reason, nowMs) => this.#recycleWorn(place, reason, nowMs),
      onSilent: (place, reason, cause) => this.#actors.terminate(place, reason, cause),
    })
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
    if (place === undefined || spareSeats === undefined || this.#recycling || this.#actors.stopping)
      return null
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
      await this.#threads.end(place)
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
    this.#actors.stopping = true
    this.#watchdog?.stop()
    for (const place of this.#places) {
      if (place.restart !== null) clearTimeout(place.restart)
      // Whose answer has gone out is to end as such: the actor reads what is published before it stops.
      place.link?.mailbox.flushNow()
      place.port?.postMessage({ type: 'stop' } satisfies WorkerMessage)
    }
    // An actor that does not finish by itself, because a filter holds its thread, is ended with it.
    await Promise.race([Promise.all(this.#places.map((place) => place.task)), wait(STOP_TIMEOUT_MS)])
    await this.#threads.destroy()
    // What the destroyed threads had is accounted for before their seats are given to others.
    await Promise.all(this.#places.map((place) => place.task))
  }

  /** Starts an actor on a seat. Resolves when it is ready. */
  async #begin(seat: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const place = newPlace(seat, (error) => (error === null ? resolve() : reject(error)))
      this.#places.push(place)
      this.#actors.run(place)
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
    while (inFlight() > 0 && performance.now() < endMs && !this.#actors.stopping) await wait(IDLE_LOOK_MS)
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
    this.#actors.logLevel = level
    for (const { port } of this.#places)
      port?.postMessage({ type: 'log-level', level } satisfies WorkerMessage)
  }

  /** Share of time in which each worker's event loop was not idle since this was asked last; 0 without a thread. */
  loopsBusy(): number[] {
    return this.#places.map((place) => this.#threads.loopBusy(place))
  }

  /** Replaces the worker that holds most memory. */
  async recycleLargest(): Promise<void> {
    const { board } = this.#options
    const [largest] = this.#places
      .filter(({ ready, retiring }) => ready && !retiring)
      .sort((a, b) => board.memoryBytes(b.worker) - board.memoryBytes(a.worker))
    if (largest !== undefined) await this.recycle(largest.worker, 'memory')
  }

  #recycleWorn(place: Place, reason: RestartReason, nowMs: number): void {
    if (this.#recycling || this.#standsBy) return
    this.recycle(place.worker, reason).catch((error: unknown) => {
      place.readyAtMs = nowMs
      this.#options.logger.error(
        { worker: place.worker, err: error },
        'a worker cannot be recycled and goes on',
      )
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
}

function wait(timeMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, timeMs).unref()
  })
}
