import type { WheelClock } from '#src/time/index.js'

/** Time that passes when a test says so; ticks come every interval from the start of their timer. */
export class FakeClock implements WheelClock {
  nowMs = 0
  readonly #timers = new Set<{ nextMs: number; readonly intervalMs: number; readonly tick: () => void }>()

  get running(): number {
    return this.#timers.size
  }

  every(intervalMs: number, tick: () => void): () => void {
    const timer = { nextMs: this.nowMs + intervalMs, intervalMs, tick }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.nextMs - b.nextMs)
      if (next === undefined || next.nextMs > untilMs) break
      this.nowMs = next.nextMs
      next.nextMs += next.intervalMs
      next.tick()
    }
    this.nowMs = untilMs
  }
}
