import { Piscina } from 'piscina'
import type { GatewayConfig } from '../config/types.js'
import type { Logger } from '../logging/index.js'
import type { WorkerTask } from '../worker/worker-task.js'
import type { Place } from './place.js'

/** Said with each task and not to the pool, which would load it before it hands out a task: a thread that dies of loading would leave the task waiting for ever. */
const MAIN = new URL('../worker/main.js', import.meta.url).href

/**
 * The threads of the workers, as many as there are actors: one task of Piscina's for the life of each, and a fresh thread for one
 * that follows another.
 */
export class WorkerThreads {
  readonly #piscina: Piscina
  /** Where a thread is awaited that has not said that it runs, oldest first. */
  readonly #starting = new Map<Place, AbortController>()

  constructor({ workers, workerLimits }: GatewayConfig, logger: Logger) {
    const heapMb = Math.round(workerLimits.heapBytes / (1024 * 1024))
    const used = new WeakSet<object>()
    this.#piscina = new Piscina({
      // One actor for each thread: that of a failed start idles until it is ended, which it is to be without another's task.
      loadBalancer: (_task, candidates) => {
        for (const candidate of candidates) {
          const thread = this.#thread(candidate.id)
          if (thread === undefined || used.has(thread)) continue
          used.add(thread)
          return candidate
        }
        return null
      },
      // A thread starts with its task. With a minimum Piscina starts one for the dead, and another one for the task of its successor, which finds that
      // not ready yet: twice the work of a start, and an idle thread that stays.
      minThreads: 0,
      // One more for the successor of a worker that is recycled.
      maxThreads: workers.count + 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      concurrentTasksPerWorker: 1,
      // The default would freeze a worker's event loop while no task runs on it.
      atomics: 'disabled',
      recordTiming: false,
      ...(heapMb > 0 ? { resourceLimits: { maxOldGenerationSizeMb: heapMb } } : {}),
    })
    this.#piscina.on('error', (error) => {
      logger.error({ err: error }, 'a worker thread failed outside its task')
      // Piscina leaves the task of a thread that could not start to others, and starts none for it.
      const [oldest] = this.#starting.values()
      oldest?.abort(error)
    })
  }

  /** Runs the actor of a place on a thread of its own. Settled when the actor is over; rejected when its thread has died, or could not start. */
  async run(place: Place, task: WorkerTask): Promise<unknown> {
    const transferList = [task.port, ...task.stores.map(({ port }) => port)]
    const start = new AbortController()
    const { signal } = start
    this.#starting.set(place, start)
    try {
      return await this.#piscina.run(task, { filename: MAIN, transferList, signal })
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    } finally {
      this.#starting.delete(place)
    }
  }

  /** Ends the thread of a place if it is still there, or if it has not come up so far. */
  async end(place: Place): Promise<void> {
    this.#starting.get(place)?.abort(new Error('the thread of the worker has not started'))
    await this.#thread(place.threadId)?.terminate()
  }

  /**
   * The actor of a place has said on which thread it runs.
   * @param onGone called when the thread has gone, unless it had already
   */
  running(place: Place, onGone: () => void): void {
    this.#starting.delete(place)
    this.#thread(place.threadId)?.once('exit', onGone)
  }

  /** Share of time in which the event loop of a place was not idle since this was asked last; 0 without a thread. */
  loopBusy(place: Place): number {
    const { threadId, loop } = place
    const thread = this.#thread(threadId)
    if (thread === undefined) return 0
    const seen = thread.performance.eventLoopUtilization()
    place.loop = { threadId, seen }
    if (loop?.threadId !== threadId) return seen.utilization
    return thread.performance.eventLoopUtilization(seen, loop.seen).utilization
  }

  /** Ends all threads. Not `Piscina.close`, which resolves when the first of several tasks is done. */
  destroy(): Promise<void> {
    return this.#piscina.destroy()
  }

  #thread(threadId: number): Piscina['threads'][number] | undefined {
    return this.#piscina.threads.find((thread) => thread.threadId === threadId)
  }
}
