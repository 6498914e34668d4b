import { once } from 'node:events'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { LmdbStoreOptions } from './lmdb-store.js'
import type { StateHealthMessage, StateThreadMessage } from './state-worker.js'

/**
 * The thread in which the gateway's LMDB stores live. Nobody terminates it, unlike workers, which may be ended in the middle of anything: one that
 * was within a transaction would keep the lock of all.
 */
export class StateThread {
  readonly #thread: Worker
  #isClosing = false

  private constructor(thread: Worker) {
    this.#thread = thread
  }

  /**
   * @param onLost it has ended without being closed
   * @param onHealth decisions of a store, by its place, begin to fail, or (null) are taken again
   * @throws Error when a store cannot be opened
   */
  static async start(
    stores: readonly Pick<LmdbStoreOptions, 'path' | 'durability'>[],
    onLost: (error: Error | null) => void,
    onHealth: (store: number, failure: string | null) => void = () => undefined,
  ): Promise<StateThread> {
    const worker = new Worker(new URL('./state-worker.js', import.meta.url), {
      workerData: { stores },
      execArgv: [],
    })
    const thread = new StateThread(worker)
    let failure: Error | null = null
    const ended = once(worker, 'exit').then(() => {
      throw new Error('the thread of the state stores ended before it was ready')
    })
    await Promise.race([once(worker, 'message'), ended])
    worker.on('message', ({ store, failure }: StateHealthMessage) => onHealth(store, failure))
    worker.on('error', (error) => {
      failure = error instanceof Error ? error : new Error(String(error))
    })
    worker.on('exit', () => {
      if (!thread.#isClosing) onLost(failure)
    })
    return thread
  }

  /** A port to a store, for a `PortStore`. To be transferred. @param store its place among those it was started with */
  connect(store: number): MessagePort {
    const { port1, port2 } = new MessageChannel()
    const message: StateThreadMessage = { type: 'serve', store, port: port1 }
    this.#thread.postMessage(message, [port1])
    return port2
  }

  /** Closes the stores; what was asked before is decided. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosing) return
    this.#isClosing = true
    const ended = once(this.#thread, 'exit')
    this.#thread.postMessage({ type: 'close' } satisfies StateThreadMessage)
    await ended
  }
}
