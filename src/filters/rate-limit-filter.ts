import { z } from 'zod'
import type { Filter } from '../lifecycle/filter.js'
import { type FilterResult, reject } from '../lifecycle/results.js'
import { type GcraResult, GcraTable } from '../memory/index.js'
import { isToken } from '../session/header-rules.js'
import type { Session } from '../session/session.js'
import { now } from '../time/index.js'
import { durationOption } from './option-units.js'
import {
  type RateLimitLog,
  SharedRateLimit,
  type SharedRateOptions,
  type TakeLocally,
} from './shared-rate-limit.js'

/** Options of the built-in filter `rate-limit` and of `rateLimit` of a route. */
export const rateLimitOptions = z.strictObject({
  /** Requests within `window`. */
  limit: z.int().min(1).max(1_000_000),
  /** `1s`, `1m`. */
  window: durationOption.default(60_000),
  /** Requests that may come at once. Default: `limit`. */
  burst: z.int().min(1).max(1_000_000).optional(),
  /** Whom it counts: the client's address, all clients together, or who sends the same value of a header. */
  by: z
    .union([
      z.enum(['client', 'route']),
      z.strictObject({ header: z.string().refine(isToken, 'not a header name') }),
    ])
    .default('client'),
  /** Limits of the same name count together. Default: each route for itself. */
  name: z.string().min(1).max(64).optional(),
  /** Count over many machines, in Redis. Default: in this process. */
  redis: z
    .strictObject({
      /** `redis://[user:password@]host:port[/database]`, `rediss://` for TLS. */
      url: z.string().min(1).optional(),
      /** Nodes of a cluster, as URLs, instead of `url`. */
      cluster: z.array(z.string().min(1)).min(1).optional(),
      /** What its keys begin with. */
      prefix: z.string().default('headgate:rate:'),
      /** Longest wait for an answer. */
      timeout: durationOption.default(20),
      /** While there is none: each process counts by itself, all pass, or none does (503). */
      onFailure: z.enum(['local', 'open', 'closed']).default('local'),
    })
    .optional(),
})

export type RateLimitOptions = z.infer<typeof rateLimitOptions>

/** What stood after the request was counted. */
interface RateContext {
  /** -1: it was not. */
  remaining: number
  resetS: number
  retryS: number
}

/**
 * The built-in filter `rate-limit`: 429 beyond the rate, exact over all workers, or over all machines with `redis`. Every answer tells
 * `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (draft-ietf-httpapi-ratelimit-headers-06), a refusal `Retry-After` as well.
 * @param buffer of the table that all workers share; absent: one of its own
 * @param scope what tells this limit from those of other routes
 * @param log hears of a Redis that is lost
 */
export async function createRateLimitFilter(
  options: RateLimitOptions,
  buffer: SharedArrayBuffer | undefined,
  scope: string,
  log?: RateLimitLog,
): Promise<Filter<RateContext>> {
  const table = new GcraTable(buffer)
  const { limit, window: windowMs, burst = limit, by, name = scope, redis } = options
  const intervalUs = (windowMs * 1000) / limit
  const toleranceUs = intervalUs * burst
  const key = (session: Session): string => {
    if (by === 'route') return name
    if (by === 'client') return `${name} ${session.clientAddress()}`
    return `${name} ${session.reqHeader()?.headers.get(by.header) ?? ''}`
  }
  const local: TakeLocally = (of) => table.take(of, intervalUs, toleranceUs, Math.round(now() * 1000))
  const decide = ({ allowed, aheadUs }: GcraResult, ctx: RateContext): FilterResult | undefined => {
    ctx.remaining = Math.max(0, Math.floor((toleranceUs - aheadUs) / intervalUs + 1e-6))
    ctx.resetS = Math.ceil(aheadUs / 1e6)
    if (allowed) return undefined
    ctx.retryS = Math.max(1, Math.ceil((aheadUs + intervalUs - toleranceUs) / 1e6))
    return reject(429, 'too many requests')
  }
  const shared = redis === undefined ? null : await SharedRateLimit.create(sharedOptions(redis), local, log)
  return {
    name: 'rate-limit',
    newCtx: () => ({ remaining: -1, resetS: 0, retryS: 0 }),
    earlyRequestFilter(session, ctx) {
      if (shared === null) return decide(local(key(session), intervalUs, toleranceUs), ctx)
      return shared.take(key(session), intervalUs, toleranceUs).then((result) => {
        if (result !== null) return decide(result, ctx)
        ctx.retryS = 1
        return reject(503, 'the rate limit cannot be asked')
      })
    },
    responseFilter(session, ctx) {
      const headers = session.respHeaderMut()?.headers
      if (headers === undefined) return
      if (ctx.remaining >= 0) {
        headers.set('ratelimit-limit', String(burst))
        headers.set('ratelimit-remaining', String(ctx.remaining))
        headers.set('ratelimit-reset', String(ctx.resetS))
      }
      if (ctx.retryS > 0) headers.set('retry-after', String(ctx.retryS))
    },
  }
}

function sharedOptions(redis: NonNullable<RateLimitOptions['redis']>): SharedRateOptions {
  const { url, cluster, prefix, timeout, onFailure } = redis
  return {
    ...(url === undefined ? {} : { url }),
    ...(cluster === undefined ? {} : { cluster }),
    prefix,
    timeoutMs: timeout,
    onFailure,
  }
}
