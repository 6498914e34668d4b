import type { AdPlan } from '../../telemetry/index.js'

/** Memory that the workers of one configuration share for routes that serve ads: travels to their threads. */
export interface AdMemory {
  readonly plan: AdPlan
  /** Of the `AdGauges`. */
  readonly gauges: SharedArrayBuffer
  /** A breaker for each source, by route, so that all workers leave a source alone together (F-36). */
  readonly breakers: readonly (readonly SharedArrayBuffer[])[]
  /** When it was made, on the gateway's clock. */
  readonly epochMs: number
}

/** One worker's share of it. */
export interface SharedAds {
  readonly memory: AdMemory
  /** Seat of the worker, and how many there are. */
  readonly worker: number
  readonly workers: number
}
