import { TICK_MS } from '../peers/layout.js'
import { GUARD, type GuardMemory, SHARE, sumOfShares } from './layout.js'
import type { AdaptiveConfig } from './types.js'

/** Samples that a worker needs to judge a window. */
const MIN_SAMPLES = 10
/** Share of failed attempts from which on the limit falls whatever the others took. */
const DROP_SHARE = 0.1
const DROP_GRADIENT = 0.8
const LEAST_GRADIENT = 0.5
/** Part of the way to the new limit that one window makes. */
const SMOOTHING = 0.2
/** Part of the way that the normal latency goes down in a window, up when there is room, and up when the limit is reached. */
const FALL = 1 / 4
const RISE = 1 / 256
const RISE_AT_LIMIT = 1 / 4096
/** Limits are kept in thousandths, as they move by less than one. */
const UNIT = 1000

/**
 * Finds out how many sessions an upstream can serve at once, by the gradient of its latency: as long as answers take as long as they normally
 * do the limit grows by the square root of itself, and it shrinks in proportion when they take longer, for then they wait in the upstream. After
 * the gradient algorithms of Envoy and of Netflix' concurrency-limits. One limit for all workers: of those that have measured enough,
 * one moves it at the end of each window.
 */
export class AdaptiveLimit {
  readonly #config: AdaptiveConfig
  readonly #memory: GuardMemory
  readonly #clock: () => number
  readonly #windowTicks: number
  #samples = 0
  #sumMs = 0
  #drops = 0
  /** Most sessions that this worker has seen at the upstream in the window. */
  #peak = 0

  /** @param clock milliseconds, as `now()` */
  constructor(config: AdaptiveConfig, memory: GuardMemory, clock: () => number) {
    this.#config = config
    this.#memory = memory
    this.#clock = clock
    this.#windowTicks = Math.max(1, Math.ceil(config.windowMs / TICK_MS))
    const { initial } = config
    // Whoever comes first; a worker that starts later takes what was found.
    Atomics.compareExchange(memory.words, memory.at + GUARD.limit, 0, Math.round(initial * UNIT))
  }

  /** Sessions that may be at the upstream now. */
  get value(): number {
    const { words, at } = this.#memory
    return Math.max(1, Math.floor((words[at + GUARD.limit] ?? 0) / UNIT))
  }

  /** An answer has come. @param latencyMs from the last byte of the request to the head of the answer */
  answered(latencyMs: number): void {
    this.#add(latencyMs, 0)
  }

  /** The upstream has not answered, or said that it has too much to do. */
  dropped(): void {
    this.#add(-1, 1)
  }

  #add(latencyMs: number, drops: 0 | 1): void {
    if (latencyMs >= 0) {
      this.#samples += 1
      this.#sumMs += latencyMs
    }
    this.#drops += drops
    const active = sumOfShares(this.#memory, SHARE.active)
    if (active > this.#peak) this.#peak = active
    if (this.#samples + this.#drops >= MIN_SAMPLES) this.#endWindow()
  }

  #endWindow(): void {
    const { words, at, epochMs } = this.#memory
    const tick = Math.floor((this.#clock() - epochMs) / TICK_MS)
    const ends = Atomics.load(words, at + GUARD.windowEnd)
    if (tick < ends) return
    const samples = this.#samples
    const drops = this.#drops
    const averageUs = samples === 0 ? 0 : (this.#sumMs * 1000) / samples
    const peak = this.#peak
    this.#samples = 0
    this.#sumMs = 0
    this.#drops = 0
    this.#peak = 0
    // Another worker may have been quicker: then these samples have had their time.
    if (Atomics.compareExchange(words, at + GUARD.windowEnd, ends, tick + this.#windowTicks) !== ends) return
    this.#move(averageUs, drops / (samples + drops), peak)
  }

  #move(averageUs: number, dropShare: number, peak: number): void {
    const { min, max, tolerance } = this.#config
    const { words, at } = this.#memory
    const limit = (words[at + GUARD.limit] ?? 0) / UNIT
    const isAtLimit = peak >= limit * 0.9
    let gradient = 1
    if (averageUs > 0) {
      const normalUs = this.#normal(averageUs, isAtLimit)
      gradient = Math.max(LEAST_GRADIENT, Math.min(1, (tolerance * normalUs) / averageUs))
    }
    if (dropShare >= DROP_SHARE) gradient = Math.min(gradient, DROP_GRADIENT)
    // With half of the places empty nothing is learnt about more of them.
    if (gradient === 1 && peak < limit / 2) return
    const room = dropShare >= DROP_SHARE ? 0 : Math.sqrt(limit)
    const wanted = limit * gradient + room
    const next = Math.max(min, Math.min(max, limit + (wanted - limit) * SMOOTHING))
    Atomics.store(words, at + GUARD.limit, Math.round(next * UNIT))
  }

  /** Latency without a queue: what is seen at the limit says little about it. */
  #normal(averageUs: number, isAtLimit: boolean): number {
    const { words, at } = this.#memory
    const before = words[at + GUARD.normalUs] ?? 0
    let after = averageUs
    if (before > 0) {
      const part = averageUs < before ? FALL : isAtLimit ? RISE_AT_LIMIT : RISE
      after = before + (averageUs - before) * part
    }
    const stored = Math.max(1, Math.min(0x7fff_ffff, Math.round(after)))
    Atomics.store(words, at + GUARD.normalUs, stored)
    return stored
  }
}
