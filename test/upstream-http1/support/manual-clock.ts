import type { WheelClock } from '#src/time/index.js'

/** Time that passes only when told to. */
export class ManualClock implements WheelClock {
  #tick: (() => void) | null = null
  #intervalMs = 1

  every(intervalMs: number, tick: () => void): () => void {
    this.#tick = tick
    this.#intervalMs = intervalMs
    return () => {
      if (this.#tick === tick) this.#tick = null
    }
  }

  advance(ms: number): void {
    for (let passedMs = 0; passedMs < ms; passedMs += this.#intervalMs) this.#tick?.()
  }
}
