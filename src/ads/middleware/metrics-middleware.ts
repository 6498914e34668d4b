import { build } from 'hdr-histogram-js'
import { GatewayError } from '../../session/errors.js'
import { now } from '../../time/index.js'
import type { AdResult, NoFillReason, Upstream, UpstreamCall } from '../upstream/index.js'
import { WrappedUpstream } from './wrapped-upstream.js'

export interface UpstreamMetrics {
  /** Requests that have ended. */
  readonly total: number
  readonly filled: number
  readonly noFill: Readonly<Partial<Record<NoFillReason, number>>>
  /** By the error's `reason`, or its name where it is not the gateway's. */
  readonly failed: Readonly<Record<string, number>>
  /** Share of requests that did not fail, from 0 to 1; 1 before the first. */
  readonly successRate: number
  readonly latencyMs: {
    readonly mean: number
    readonly p50: number
    readonly p99: number
    readonly max: number
  }
}

export interface MetricsOptions<Result> {
  readonly upstream: Upstream<Result>
  /** After each request, for counters elsewhere. @param outcome `fill`, a no-fill reason, or why it failed */
  readonly onOutcome?: (outcome: string, latencyMs: number) => void
  /** ms. Default `now`. */
  readonly clock?: () => number
}

/** Largest latency that is told apart: a minute. */
const MOST_US = 60_000_000

/** Counts and times requests as the caller sees them: outermost, so that hits of a cache count too (F-57, C-25). */
export class MetricsMiddleware<Result extends AdResult> extends WrappedUpstream<Result> {
  readonly #options: MetricsOptions<Result>
  readonly #clock: () => number
  readonly #latencyUs = build({ highestTrackableValue: MOST_US, numberOfSignificantValueDigits: 2 })
  readonly #noFill: Partial<Record<NoFillReason, number>> = {}
  readonly #failed: Record<string, number> = Object.create(null)
  #filled = 0
  #failures = 0

  constructor(options: MetricsOptions<Result>) {
    super(options.upstream)
    this.#options = options
    this.#clock = options.clock ?? now
  }

  async request(call: UpstreamCall = {}): Promise<Result> {
    const startMs = this.#clock()
    try {
      const result = await this.inner.request(call)
      if (result.kind === 'fill') this.#filled += 1
      else this.#noFill[result.reason] = (this.#noFill[result.reason] ?? 0) + 1
      this.#ended(result.kind === 'fill' ? 'fill' : result.reason, startMs)
      return result
    } catch (error) {
      const why =
        error instanceof GatewayError ? error.reason : error instanceof Error ? error.name : 'unknown'
      this.#failures += 1
      this.#failed[why] = (this.#failed[why] ?? 0) + 1
      this.#ended(why, startMs)
      throw error
    }
  }

  snapshot(): UpstreamMetrics {
    const latency = this.#latencyUs
    const total = latency.totalCount
    return {
      total,
      filled: this.#filled,
      noFill: { ...this.#noFill },
      failed: { ...this.#failed },
      successRate: total === 0 ? 1 : 1 - this.#failures / total,
      latencyMs: {
        mean: total === 0 ? 0 : latency.mean / 1000,
        p50: latency.getValueAtPercentile(50) / 1000,
        p99: latency.getValueAtPercentile(99) / 1000,
        max: latency.maxValue / 1000,
      },
    }
  }

  #ended(outcome: string, startMs: number): void {
    const latencyMs = Math.max(0, this.#clock() - startMs)
    this.#latencyUs.recordValue(Math.min(MOST_US, Math.round(latencyMs * 1000)))
    this.#options.onOutcome?.(outcome, latencyMs)
  }
}
