import { GatewayError } from '../../session/errors.js'
import { now } from '../../time/index.js'
import { type AdResult, BaseUpstream, type Upstream, type UpstreamCall } from '../upstream/index.js'

/** What an upstream answered, and whether it was another than the first. */
export type WithFallback<Result> = Result & {
  readonly usedFallback: boolean
  /** Name of the upstream that answered. */
  readonly answeredBy: string
}

/**
 * Asks upstreams in order until one has an ad (C-24). An error or a no-fill goes on to the next, unless the time of the call is up. If none has
 * one: the last no-fill, or the last error if all of them failed.
 */
export class FallbackUpstream<Result extends AdResult> extends BaseUpstream<WithFallback<Result>> {
  readonly name: string
  readonly #upstreams: readonly Upstream<Result>[]

  /** @throws RangeError without any upstream */
  constructor(upstreams: readonly Upstream<Result>[], name = 'fallback') {
    super()
    if (upstreams.length === 0) throw new RangeError('there must be an upstream')
    this.#upstreams = upstreams
    this.name = name
  }

  async request(call: UpstreamCall = {}): Promise<WithFallback<Result>> {
    let noFill: WithFallback<Result> | null = null
    let failure: unknown
    for (const [at, upstream] of this.#upstreams.entries()) {
      if (at > 0 && call.deadlineMs !== undefined && now() >= call.deadlineMs) break
      try {
        const result = await upstream.request(call)
        const answer = { ...result, usedFallback: at > 0, answeredBy: upstream.name }
        if (result.kind === 'fill') return answer
        noFill = answer
      } catch (error) {
        call.signal?.throwIfAborted()
        // A mistake of the program is not to be hidden by another upstream.
        if (!(error instanceof GatewayError)) throw error
        failure = error
      }
    }
    if (noFill === null) throw failure
    return noFill
  }

  async close(): Promise<void> {
    await Promise.all(this.#upstreams.map((upstream) => upstream.close()))
  }

  /** Whether any of them would answer. */
  async healthCheck(): Promise<boolean> {
    return (await Promise.all(this.#upstreams.map((upstream) => upstream.healthCheck()))).includes(true)
  }
}
