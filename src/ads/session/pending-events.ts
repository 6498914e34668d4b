import { StateStoreError } from '../../state/index.js'
import type { SessionMetrics } from './session-metrics.js'

/** Events that wait at most; more are dropped and counted. */
const MAX_WAITING = 10_000
const RETRY_MS = 1000

/**
 * Events that came while the store could not be asked: kept in memory and tried again each second, in order. Commits are idempotent, so
 * one that had reached the store after all changes nothing.
 */
export class PendingEvents {
  readonly #waiting: (() => Promise<unknown>)[] = []
  readonly #metrics: SessionMetrics
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> | null = null

  constructor(metrics: SessionMetrics) {
    this.#metrics = metrics
  }

  get size(): number {
    return this.#waiting.length
  }

  /** @returns false when there is no room */
  add(commit: () => Promise<unknown>): boolean {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#metrics.add('dropped_events')
      return false
    }
    this.#metrics.add('queued_events')
    this.#waiting.push(commit)
    this.#timer ??= setInterval(() => void this.flush(), RETRY_MS).unref()
    return true
  }

  /** Tries all of them now, until the store fails again. */
  flush(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = null
    })
    return this.#running
  }

  /** Tries once more; what is left is dropped and counted. */
  async close(): Promise<number> {
    await this.flush()
    this.#stop()
    const left = this.#waiting.splice(0).length
    this.#metrics.add('dropped_events', left)
    return left
  }

  async #run(): Promise<void> {
    for (;;) {
      const [commit] = this.#waiting
      if (commit === undefined) break
      try {
        await commit()
      } catch (error) {
        if (error instanceof StateStoreError) return
        this.#metrics.add('dropped_events')
      }
      this.#waiting.shift()
    }
    this.#stop()
  }

  #stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }
}
