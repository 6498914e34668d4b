import { Worker } from 'node:worker_threads'
import { clockAnchor } from '../../time/index.js'
import type { EntryStore, StoreMemory } from '../store/index.js'
import type { KeeperJob, KeeperTask, Loaded, Saved, SnapshotPlace } from './keeper-task.js'

/** How often a thread is tried for what must be done. */
const TRIES = 2

/**
 * Has work on the whole cache done in a thread of its own, one piece after the other, so that neither the acceptor nor the workers wait for it. Costs
 * nothing while there is nothing to do.
 */
export class CacheKeeper {
  readonly #memory: StoreMemory
  readonly #thread: number
  readonly #store: EntryStore
  /** A number in the store has one thread at a time. */
  #queue: Promise<unknown> = Promise.resolve()

  /** @param thread number of the keeper's threads in the store. @param store as the calling thread sees it */
  constructor(memory: StoreMemory, thread: number, store: EntryStore) {
    this.#memory = memory
    this.#thread = thread
    this.#store = store
  }

  /** As `EntryStore.forget`, for one that has died in the middle of a change. Where no thread can be had it is done in this one. */
  async forget(dead: number): Promise<void> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      try {
        await this.#run({ kind: 'forget', dead })
        return
      } catch {
        // Whatever it was: an index that nobody puts in order would be worse than a wait.
      }
    }
    if (this.#store.diedAmidst(this.#thread)) await this.#store.forget(this.#thread)
    await this.#store.forget(dead)
  }

  /** Writes what is stored and can still be used into a file, which is complete or not there. @throws Error of the system */
  save(place: SnapshotPlace): Promise<Saved> {
    return this.#attempt<Saved>({ kind: 'save', ...place })
  }

  /** Takes what such a file holds, as far as nothing newer is there; the file is gone afterwards. @throws Error of the system */
  load(place: SnapshotPlace): Promise<Loaded> {
    return this.#attempt<Loaded>({ kind: 'load', ...place })
  }

  async #attempt<Result>(job: KeeperJob): Promise<Result> {
    try {
      return (await this.#run(job)) as Result
    } catch (error) {
      // It may have ended anywhere.
      await this.forget(this.#thread)
      throw error
    }
  }

  #run(job: KeeperJob): Promise<unknown> {
    const done = this.#queue.then(() => this.#start(job))
    this.#queue = done.catch(() => undefined)
    return done
  }

  /** @returns what it has said when it has ended. @throws Error of the thread */
  #start(job: KeeperJob): Promise<unknown> {
    const task: KeeperTask = {
      memory: this.#memory,
      thread: this.#thread,
      clockAnchorMs: clockAnchor(),
      job,
    }
    return new Promise((resolve, reject) => {
      const thread = new Worker(new URL('./keeper-thread.js', import.meta.url), {
        workerData: task,
        execArgv: [],
      })
      let result: unknown
      let isDone = false
      thread.on('message', (said: unknown) => {
        result = said
        isDone = true
      })
      thread.on('error', reject)
      thread.on('exit', () => {
        if (isDone) resolve(result)
        else reject(new Error('the thread that keeps the cache has ended before its work was done'))
      })
    })
  }
}
