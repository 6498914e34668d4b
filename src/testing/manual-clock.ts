import type { WheelClock } from '../time/index.js'

/** Resolution of the deadlines in a test. */
export const TICK_MS = 1

/** A clock for a deadline wheel that stands still until it is told otherwise. */
export class ManualClock implements WheelClock {
  #tick: (() => void) | null = null

  every(_intervalMs: number, tick: () => void): () => void {
    this.#tick = tick
    return () => {
      if (this.#tick === tick) this.#tick = null
    }
  }

  /** Lets every deadline pass that is due within `ms`; the wheel may be two ticks late. */
  advance(ms: number): void {
    for (let i = 0; i < Math.ceil(ms / TICK_MS) + 2; i += 1) this.#tick?.()
  }
}
