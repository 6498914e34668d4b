import { requestFormats } from '../analytics/index.js'
import type { AdLogger } from '../context/index.js'
import { WrappedUpstream } from '../middleware/index.js'
import { BaseUpstream, type Upstream, type UpstreamCall } from '../upstream/index.js'
import type { RouteResult, VastAnswer } from './ad-source.js'

/**
 * Asks all sources at the same time with one context (B-55, B-56, F-26). The highest bid wins; where nobody bids, the first source in order that has
 * an ad. One that fails or is late leaves the others. If none has an ad: the first no-fill that is no failure.
 */
export class ParallelUpstream extends BaseUpstream<RouteResult> {
  readonly name = 'parallel'
  readonly isIdempotent = false
  readonly #sources: readonly Upstream<RouteResult>[]
  readonly #logger: AdLogger

  /** @param sources each with a name of its own */
  constructor(sources: readonly Upstream<RouteResult>[], logger: AdLogger) {
    super()
    this.#sources = sources
    this.#logger = logger
  }

  /** @throws only `signal.reason`, and TypeError for a call without context */
  async request(call: UpstreamCall = {}): Promise<RouteResult> {
    const { context, deadlineMs, signal } = call
    if (context === undefined) throw new TypeError('several sources are asked with one context')
    const formats = this.#sources.map(
      (source) => [source.name, { upstream: new Bound(source, call) }] as const,
    )
    const results = await requestFormats<string, RouteResult>(context, Object.fromEntries(formats), {
      logger: this.#logger,
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(signal === undefined ? {} : { signal }),
    })
    const fills = Object.entries(results).flatMap(([name, result]) =>
      result.kind === 'fill' ? [{ ...result, answeredBy: name }] : [],
    )
    const winner = best(fills)
    if (winner === undefined) {
      const noFills = Object.values(results)
      return (
        noFills.find((one) => one.kind === 'no-fill' && !FAILURES.has(one.reason)) ??
        noFills[0] ?? { kind: 'no-fill', reason: 'no-ad' }
      )
    }
    for (const fill of fills) if (fill !== winner) fill.bid?.refuse()
    return winner
  }

  async close(): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.close()))
  }

  /** Whether any of them would answer. */
  async healthCheck(): Promise<boolean> {
    return (await Promise.all(this.#sources.map((source) => source.healthCheck()))).includes(true)
  }
}

const FAILURES: ReadonlySet<string> = new Set(['timeout', 'error'])

function best(fills: readonly VastAnswer[]): VastAnswer | undefined {
  let winner: VastAnswer | undefined
  for (const fill of fills) {
    if (fill.bid !== undefined && fill.bid.cpmMicros > (winner?.bid?.cpmMicros ?? -1)) winner = fill
  }
  return winner ?? fills[0]
}

/** One source, with all that a call says beside what its formats may. */
class Bound extends WrappedUpstream<RouteResult> {
  readonly #call: UpstreamCall

  constructor(inner: Upstream<RouteResult>, call: UpstreamCall) {
    super(inner)
    this.#call = call
  }

  request(): Promise<RouteResult> {
    return this.inner.request(this.#call)
  }
}
