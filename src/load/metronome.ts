import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { TICK_MS } from './schedule.js'

/** What the metronome's thread is given. */
export interface MetronomeTask {
  /** 1 while a beat waits to be taken: beats of a busy thread do not pile up. */
  readonly pending: SharedArrayBuffer
  readonly tickMs: number
}

/** Wakes this thread about every {@link TICK_MS}; timers of Node have whole milliseconds and are late by up to one. */
export class Metronome {
  readonly #pending = new Int32Array(new SharedArrayBuffer(4))
  readonly #worker: Worker

  constructor(onBeat: () => void) {
    const task: MetronomeTask = { pending: this.#pending.buffer, tickMs: TICK_MS }
    this.#worker = new Worker(new URL('./metronome-thread.js', import.meta.url), { workerData: task })
    this.#worker.on('message', () => {
      Atomics.store(this.#pending, 0, 0)
      onBeat()
    })
  }

  /** Resolves when it beats. */
  async ready(): Promise<void> {
    await once(this.#worker, 'message')
  }

  async stop(): Promise<void> {
    await this.#worker.terminate()
  }
}
