import { DeadlineWheel, now } from '../../time/index.js'
import { AdaptiveLimit } from './adaptive-limit.js'
import { Breaker, type BreakerChange } from './breaker.js'
import type { GuardMemory } from './layout.js'
import { RetryControl } from './retry-control.js'
import { SessionLimit } from './session-limit.js'
import type { GuardConfig } from './types.js'

export interface UpstreamGuardOptions {
  /** Milliseconds. Default: `now`. */
  readonly clock?: () => number
  /** In [0, 1). Default: Math.random. */
  readonly random?: () => number
  /** For waits of a few milliseconds. Default: one of 5 ms, which runs while somebody waits. */
  readonly wheel?: DeadlineWheel
  readonly onBreakerChange?: (change: BreakerChange) => void
}

const TICK_MS = 5
const BUCKETS = 64

/** What keeps the load on an upstream within bounds, the same for all workers. */
export class UpstreamGuard {
  readonly retries: RetryControl
  /** Null: any number of sessions. */
  readonly limit: SessionLimit | null
  /** Null: there is none. */
  readonly breaker: Breaker | null
  #wheel: DeadlineWheel | null

  constructor(config: GuardConfig, memory: GuardMemory, options: UpstreamGuardOptions = {}) {
    const { clock = now, random = Math.random, onBreakerChange = () => undefined } = options
    const { limits, breaker } = config
    this.#wheel = options.wheel ?? null
    this.retries = new RetryControl(config.retries, memory, clock, random)
    const isLimited = limits !== undefined && limits.maxConnections > 0
    const adaptive = limits?.adaptive && new AdaptiveLimit(limits.adaptive, memory, clock)
    this.limit = isLimited ? new SessionLimit(limits, memory, () => this.wheel, adaptive ?? null) : null
    this.breaker = breaker === undefined ? null : new Breaker(breaker, memory, clock, onBreakerChange)
  }

  get wheel(): DeadlineWheel {
    this.#wheel ??= new DeadlineWheel({ tickMs: TICK_MS, buckets: BUCKETS })
    return this.#wheel
  }
}
