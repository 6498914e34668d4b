import type { DnsClock } from '#src/upstream/dns/name-resolver.js'
import type { DnsSettings } from '#src/upstream/dns/types.js'

export const SETTINGS: DnsSettings = {
  minTtlMs: 1000,
  maxTtlMs: 300_000,
  defaultTtlMs: 30_000,
  negativeTtlMs: 1000,
  staleIfErrorMs: 60_000,
  timeoutMs: 3000,
  prefer: 'both',
  servers: [],
}

/** Time that passes when a test says so. */
export class ManualDnsClock implements DnsClock {
  nowMs = 1000
  readonly #timers = new Set<{ readonly atMs: number; readonly callback: () => void }>()

  now(): number {
    return this.nowMs
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Delays of what is pending, from now. */
  get pending(): number[] {
    return [...this.#timers].map(({ atMs }) => atMs - this.nowMs)
  }

  /** Lets time pass, and what was due settle. */
  async advance(ms: number): Promise<void> {
    this.nowMs += ms
    for (const timer of [...this.#timers]) {
      if (timer.atMs > this.nowMs) continue
      this.#timers.delete(timer)
      timer.callback()
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}
