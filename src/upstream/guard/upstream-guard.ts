import { DeadlineWheel, now } from '../../time/index.js'
import type { GuardMemory } from './layout.js'
import { RetryControl } from './retry-control.js'
import type { GuardConfig } from './types.js'

export interface UpstreamGuardOptions {
  /** Milliseconds. Default: `now`. */
  readonly clock?: () => number
  /** In [0, 1). Default: Math.random. */
  readonly random?: () => number
  /** For waits of a few milliseconds. Default: one of 5 ms, which runs while somebody waits. */
  readonly wheel?: DeadlineWheel
}

const TICK_MS = 5
const BUCKETS = 64

/** What keeps the load on an upstream within bounds, the same for all workers. */
export class UpstreamGuard {
  readonly retries: RetryControl
  #wheel: DeadlineWheel | null

  constructor(config: GuardConfig, memory: GuardMemory, options: UpstreamGuardOptions = {}) {
    const { clock = now, random = Math.random } = options
    this.#wheel = options.wheel ?? null
    this.retries = new RetryControl(config.retries, memory, clock, random)
  }

  get wheel(): DeadlineWheel {
    this.#wheel ??= new DeadlineWheel({ tickMs: TICK_MS, buckets: BUCKETS })
    return this.#wheel
  }
}
