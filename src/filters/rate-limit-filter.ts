import { z } from 'zod'
import type { Filter } from '../lifecycle/filter.js'
import { reject } from '../lifecycle/results.js'
import { GcraTable } from '../memory/index.js'
import { isToken } from '../session/header-rules.js'
import type { Session } from '../session/session.js'
import { now } from '../time/index.js'
import { durationOption } from './option-units.js'

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
})

export type RateLimitOptions = z.infer<typeof rateLimitOptions>

/** What stood after the request was counted; null: it was not. */
interface RateContext {
  remaining: number
  resetS: number
  retryS: number
}

/**
 * The built-in filter `rate-limit`: 429 beyond the rate, exact over all workers. Every answer tells `RateLimit-Limit`, `RateLimit-Remaining` and
 * `RateLimit-Reset` (draft-ietf-httpapi-ratelimit-headers-06), a refusal `Retry-After` as well.
 * @param buffer of the table that all workers share; absent: one of its own
 * @param scope what tells this limit from those of other routes
 */
export function createRateLimitFilter(
  options: RateLimitOptions,
  buffer: SharedArrayBuffer | undefined,
  scope: string,
): Filter<RateContext> {
  const table = new GcraTable(buffer)
  const { limit, window: windowMs, burst = limit, by, name = scope } = options
  const intervalUs = (windowMs * 1000) / limit
  const toleranceUs = intervalUs * burst
  const key = (session: Session): string => {
    if (by === 'route') return name
    if (by === 'client') return `${name} ${session.clientAddress()}`
    return `${name} ${session.reqHeader()?.headers.get(by.header) ?? ''}`
  }
  return {
    name: 'rate-limit',
    newCtx: () => ({ remaining: 0, resetS: 0, retryS: 0 }),
    earlyRequestFilter(session, ctx) {
      const nowUs = Math.round(now() * 1000)
      const { allowed, aheadUs } = table.take(key(session), intervalUs, toleranceUs, nowUs)
      ctx.remaining = Math.max(0, Math.floor((toleranceUs - aheadUs) / intervalUs + 1e-6))
      ctx.resetS = Math.ceil(aheadUs / 1e6)
      if (allowed) return
      ctx.retryS = Math.max(1, Math.ceil((aheadUs + intervalUs - toleranceUs) / 1e6))
      return reject(429, 'too many requests')
    },
    responseFilter(session, ctx) {
      const headers = session.respHeaderMut()?.headers
      if (headers === undefined) return
      headers.set('ratelimit-limit', String(burst))
      headers.set('ratelimit-remaining', String(ctx.remaining))
      headers.set('ratelimit-reset', String(ctx.resetS))
      if (ctx.retryS > 0) headers.set('retry-after', String(ctx.retryS))
    },
  }
}
