import { MessageChannel } from 'node:worker_threads'
import type { LogLevel } from '../config/types.js'
import type { CommandResult } from '../control/index.js'
import { createWorkerLink, LinkMemory, type WorkerLink } from '../dispatch/index.js'
import { GcraTable, type RestartReason } from '../memory/index.js'
import { clockAnchor } from '../time/index.js'
import { BELL, type WorkerMessage, type WorkerTask } from '../worker/worker-task.js'
import { countStart, expectBeat, type Place } from './place.js'
import type { WorkerPoolOptions } from './worker-pool-options.js'
import type { WorkerThreads } from './worker-threads.js'

/** What the pool does about the actors of its places. */
export interface ActorEvents {
  /** An actor that is to stay has loaded its filters: hits on these routes need no worker. */
  onHits(routes: readonly number[]): void
  /** It can take sessions. */
  onReady(link: WorkerLink): void
  /** It has died, and another will follow it. */
  onLost(cause: Error): void
}

/**
 * Keeps an actor running at each place: starts it on a thread, and again, with back-off, when the thread throws,
 * exits, runs out of heap or is ended because it does not beat any more.
 */
export class ActorKeeper {
  readonly #options: WorkerPoolOptions
  readonly #threads: WorkerThreads
  readonly #startTimeoutMs: number
  readonly #events: ActorEvents
  readonly #rateLimits: SharedArrayBuffer
  readonly #linkMemory: LinkMemory
  /** An actor that ends stays ended. */
  stopping = false
  /** Of actors that start from now on. */
  logLevel: LogLevel

  constructor(
    options: WorkerPoolOptions,
    threads: WorkerThreads,
    startTimeoutMs: number,
    events: ActorEvents,
  ) {
    this.#options = options
    this.#threads = threads
    this.#startTimeoutMs = startTimeoutMs
    this.#events = events
    this.#rateLimits = options.rateLimits ?? new GcraTable().buffer
    this.#linkMemory = options.linkMemory ?? new LinkMemory()
    this.logLevel = options.config.log.level
  }

  /** Starts an actor at a place. */
  run(place: Place): void {
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
    expectBeat(place, board, this.#startTimeoutMs)
    port1.on('message', (message: typeof BELL | WorkerMessage) => {
      if (message === BELL) link.mailbox.wake()
      else if (message.type === 'running') this.#onRunning(place, link, message.threadId)
      else if (message.type === 'ready') {
        if (!place.retiring) this.#events.onHits(message.hits)
        this.#onReady(place, link)
      } else if (message.type === 'captured') this.#onCaptured(place, { ok: true, value: message.profile })
      else if (message.type === 'not-captured')
        this.#onCaptured(place, { ok: false, status: 409, message: message.message })
    })
    const stores = this.#options.storePorts?.() ?? []
    const task: WorkerTask = {
      worker,
      seats: board.workers,
      config: { ...config, log: { ...config.log, level: this.logLevel } },
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
    place.task = this.#threads.run(place, task).then(
      () => this.#onEnd(place, link, null),
      (error: unknown) => this.#onEnd(place, link, error instanceof Error ? error : new Error(String(error))),
    )
  }

  /** Ends the thread of a place; what becomes of its actor is as if it had died. */
  terminate(place: Place, reason: string, cause: RestartReason): void {
    place.reason = reason
    place.cause = cause
    expectBeat(place, this.#options.board, this.#startTimeoutMs)
    void this.#threads.end(place)
  }

  #createLink(place: Place): WorkerLink {
    const { dispatcher, logger } = this.#options
    const { worker } = place
    const handler = dispatcher.handlerFor((error) => {
      logger.error({ worker, err: error }, 'the mailbox of a worker is damaged')
      if (place.link === link) this.terminate(place, 'the mailbox of the worker is damaged', 'mailbox')
    })
    const link = createWorkerLink(
      worker,
      this.#linkMemory.take(),
      () => place.port?.postMessage(BELL),
      handler,
    )
    handler.link = link
    return link
  }

  #onRunning(place: Place, link: WorkerLink, threadId: number): void {
    place.threadId = threadId
    const { task } = place
    // The acceptor has let go of the link by the end of the task, and the worker by the end of its thread.
    this.#threads.running(place, () => void task.then(() => this.#linkMemory.giveBack(link)))
  }

  #onReady(place: Place, link: WorkerLink): void {
    const { board } = this.#options
    place.ready = true
    place.backoff.started()
    expectBeat(place, board, 0)
    place.readyAtMs = performance.now()
    link.mailbox.wake()
    if (!place.retiring) {
      board.setState(place.worker, 'ready')
      this.#events.onReady(link)
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
      void this.#threads.end(place)
      onFirst(cause)
      return
    }
    if (this.stopping || place.retiring) return
    const delayMs = place.backoff.nextDelayMs()
    counters.add('worker_restarts')
    board.countRestart(place.worker, place.cause ?? causeOf(error))
    logger.error(
      { worker: place.worker, err: cause, inFlight, restartInMs: delayMs },
      'a worker was lost and is replaced',
    )
    this.#events.onLost(cause)
    // Never twice on one thread: what a failed start left in its module cache would fail every later one.
    void this.#threads.end(place).then(async () => {
      await this.#options.forget?.(place.worker)
      this.#options.peers.releaseWorker(place.worker)
      if (this.stopping || place.retiring) return
      place.restart = setTimeout(() => {
        place.restart = null
        this.run(place)
      }, delayMs)
    })
  }

  #onCaptured(place: Place, result: CommandResult): void {
    place.onCaptured?.(result)
    place.onCaptured = null
  }
}

/** Of a worker that the supervisor did not end. */
function causeOf(error: Error | null): RestartReason {
  return error !== null && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
    ? 'out-of-heap'
    : 'failed'
}
