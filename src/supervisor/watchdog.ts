import type { GatewayConfig } from '../config/types.js'
import type { RestartReason, WorkerBoard } from '../memory/index.js'
import type { Place } from './place.js'

/** How often the supervisor looks whether workers beat, at most. */
const LOOK_MS = 250

export interface WatchdogOptions {
  readonly board: WorkerBoard
  readonly limits: GatewayConfig['workerLimits']
  readonly startTimeoutMs: number
  /** Those that are there at the moment. */
  places(): readonly Place[]
  /** A worker is too old or has grown too large. */
  onWorn(place: Place, reason: 'age' | 'memory', nowMs: number): void
  /** A worker has stopped beating, or does not come up. */
  onSilent(place: Place, reason: string, cause: RestartReason): void
}

/** Looks again and again at all workers: whether they beat, and whether it is time for another in their place. */
export class Watchdog {
  readonly #options: WatchdogOptions
  readonly #timer: NodeJS.Timeout

  constructor(options: WatchdogOptions) {
    this.#options = options
    const { limits, startTimeoutMs } = options
    const { watchdogMs } = limits
    const everyMs = Math.min(LOOK_MS, startTimeoutMs / 4, watchdogMs > 0 ? watchdogMs / 4 : LOOK_MS)
    this.#timer = setInterval(() => this.#look(), everyMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const nowMs = performance.now()
    this.#lookForWorn(nowMs)
    for (const place of this.#options.places()) if (place.link !== null) this.#lookForBeat(place, nowMs)
  }

  /** A filter that never returns to the event loop holds its thread (C2). */
  #lookForBeat(place: Place, nowMs: number): void {
    const { board, limits, startTimeoutMs, onSilent } = this.#options
    const { watchdogMs } = limits
    const beats = board.beats(place.worker)
    if (beats !== place.beats) {
      place.beats = beats
      place.beatAtMs = Math.max(place.beatAtMs, nowMs)
      return
    }
    const silentMs = nowMs - place.beatAtMs
    if (place.ready ? watchdogMs === 0 || silentMs < watchdogMs : silentMs < 0) return
    if (place.ready)
      onSilent(place, `the worker has not responded for ${Math.round(silentMs)} ms`, 'unresponsive')
    else {
      const reason = `the worker has not started within ${startTimeoutMs} ms: a filter does not finish loading`
      onSilent(place, reason, 'not-started')
    }
  }

  #lookForWorn(nowMs: number): void {
    const { board, limits, places, onWorn } = this.#options
    const { maxAgeMs, memoryBytes } = limits
    if (maxAgeMs === 0 && memoryBytes === 0) return
    const isLarge = ({ worker }: Place): boolean => memoryBytes > 0 && board.memoryBytes(worker) > memoryBytes
    const worn = places().find((place) => {
      if (!place.ready || place.retiring) return false
      return isLarge(place) || (maxAgeMs > 0 && nowMs - place.readyAtMs > maxAgeMs * place.lifespan)
    })
    if (worn !== undefined) onWorn(worn, isLarge(worn) ? 'memory' : 'age', nowMs)
  }
}
