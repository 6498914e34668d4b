import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { GatewayConfig } from '../config/types.js'
import type { Logger } from '../logging/index.js'
import type { LifecycleBoard } from '../memory/index.js'

/** What is measured, and where it becomes too much; 0 = no limit. */
export interface Load {
  readonly rssBytes: number
  readonly memoryBytes: number
  readonly lagMs: number
  readonly lagLimitMs: number
}

/**
 * Priorities below this are refused: 0 none, 1 low, 2 normal as well, 3 all. Memory: from 85 %, 95 % and 100 % of the limit on. Lag: from the limit and
 * twice the limit on; what matters most is served as long as there is memory for it.
 */
export function shedBelow({ rssBytes, memoryBytes, lagMs, lagLimitMs }: Load): 0 | 1 | 2 | 3 {
  const memory = memoryBytes === 0 ? 0 : rssBytes / memoryBytes
  const lag = lagLimitMs === 0 ? 0 : lagMs / lagLimitMs
  if (memory >= 1) return 3
  if (memory >= REFUSING || lag >= 2) return 2
  return memory >= 0.85 || lag >= 1 ? 1 : 0
}

export interface PressureOptions {
  readonly config: () => GatewayConfig
  readonly lifecycle: LifecycleBoard
  readonly logger: Logger
  readonly onChange: (shedBelow: 0 | 1 | 2 | 3) => void
  /** The memory is used up: the largest worker is to be replaced. */
  readonly onMemory: () => void
}

const LOOK_MS = 250
const RESOLUTION_MS = 10
/** Between two replacements of workers for the process's memory. */
const RELIEF_MS = 10_000
/** From this share of the memory on most sessions are refused, so that it may neither grow to the limit nor become less. */
const REFUSING = 0.95
/** How long that may last before the memory counts as used up. */
const PATIENCE_MS = 5_000

/** Watches the memory of the process, which is more than the heaps that V8 bounds, and the event loop of the acceptor. */
export class Pressure {
  readonly #options: PressureOptions
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  readonly #timer: NodeJS.Timeout
  #level: 0 | 1 | 2 | 3 = 0
  #relievedAtMs = Number.NEGATIVE_INFINITY
  /** Since when so much is in use that most sessions are refused; infinite: it is not. */
  #fullSinceMs = Number.POSITIVE_INFINITY

  constructor(options: PressureOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#delay.disable()
  }

  #look(): void {
    const { config, lifecycle, logger, onChange, onMemory } = this.#options
    const { memoryBytes, lagMs: lagLimitMs } = config().overload
    // It wakes the thread a hundred times a second.
    if (lagLimitMs === 0) this.#delay.disable()
    else this.#delay.enable()
    if (memoryBytes === 0 && lagLimitMs === 0 && this.#level === 0) return
    const rssBytes = process.memoryUsage.rss()
    // Nanoseconds between two looks; without samples there is no mean.
    const meanMs = this.#delay.count === 0 ? 0 : this.#delay.mean / 1e6
    const lagMs = Math.max(0, meanMs - RESOLUTION_MS)
    this.#delay.reset()
    const level = shedBelow({ rssBytes, memoryBytes, lagMs, lagLimitMs })
    if (memoryBytes > 0 && this.#isUsedUp(rssBytes / memoryBytes)) onMemory()
    if (level === this.#level) return
    const fields = { shedBelow: level, rssBytes, lagMs: Math.round(lagMs) }
    if (level > this.#level) logger.warn(fields, 'overload: sessions of lower priority are refused')
    else logger.info(fields, 'overload: it has become less')
    this.#level = level
    lifecycle.shedBelow = level
    onChange(level)
  }

  /** Told once in a while only: who replaces the largest worker needs time. @param share of the memory that is in use */
  #isUsedUp(share: number): boolean {
    const nowMs = performance.now()
    this.#fullSinceMs = share < REFUSING ? Number.POSITIVE_INFINITY : Math.min(this.#fullSinceMs, nowMs)
    const isUsedUp = share >= 1 || nowMs - this.#fullSinceMs >= PATIENCE_MS
    if (!isUsedUp || nowMs - this.#relievedAtMs <= RELIEF_MS) return false
    this.#relievedAtMs = nowMs
    return true
  }
}
