import { describe, expect, it } from 'vitest'
import type { AdResult } from '#src/ads/index.js'
import {
  breakerMemory,
  CacheMiddleware,
  CircuitBreakerMiddleware,
  CircuitBreakerOpen,
  FallbackUpstream,
  MetricsMiddleware,
  RateLimitExceeded,
  RateLimitMiddleware,
  RetryMiddleware,
  type RetryOptions,
  SessionContext,
  UpstreamStatusError,
  withMiddleware,
} from '#src/ads/index.js'
import { GatewayError, MaxRetriesExceeded, type RetryDecision } from '#src/session/errors.js'
import { now } from '#src/time/index.js'
import { AD, FakeUpstream, NO_AD } from '../support/fake-upstream.js'

function failure(retry: RetryDecision = 'idempotent'): GatewayError {
  return new GatewayError('down', {
    code: 'HG_UPSTREAM_CLOSED',
    status: 502,
    reason: 'connection_terminated',
    source: 'upstream',
    retry,
  })
}

const failing = (times: number, error: unknown = failure()) =>
  new FakeUpstream('u', (_, count) => {
    if (count <= times) throw error
    return AD
  })

/** Without waiting; keeps the waits. */
function retrying(upstream: FakeUpstream, options: Partial<RetryOptions<AdResult>> = {}) {
  const waits: number[] = []
  const sleep = (delayMs: number): Promise<void> => {
    waits.push(delayMs)
    return Promise.resolve()
  }
  return { upstream: new RetryMiddleware({ upstream, sleep, ...options }), waits }
}

describe('RetryMiddleware', () => {
  it('B-52, B-53 is an upstream like the one inside, and every attempt carries the same context', async () => {
    const inner = failing(2)
    const { upstream } = retrying(inner)
    const context = SessionContext.create()
    expect(await upstream.fetch({ params: { placement_id: 'p' }, context })).toBe(AD)
    expect(inner.calls.map((call) => call.context)).toEqual([context, context, context])
    const again = new RetryMiddleware({ upstream })
    expect([again.name, again.isIdempotent, await again.healthCheck()]).toEqual(['u', true, true])
    await again.close()
    expect(inner.closed).toBe(1)
  })

  it('B-54, F-25 gives up after 1 + 3 attempts with the last error as cause', async () => {
    const error = failure()
    const inner = failing(9, error)
    const thrown = await retrying(inner)
      .upstream.request()
      .catch((it: unknown) => it)
    expect(thrown).toBeInstanceOf(MaxRetriesExceeded)
    expect(thrown).toMatchObject({ attempts: 4, cause: error })
    expect(inner.calls).toHaveLength(4)
  })

  it.each([
    ['an answer that cannot be read', failure('never')],
    ['a 404', new UpstreamStatusError(404, 'u')],
    ['a mistake of the program', new TypeError('oops')],
  ])('F-24 does not repeat %s', async (_, error) => {
    const inner = failing(9, error)
    await expect(retrying(inner).upstream.request()).rejects.toBe(error)
    expect(inner.calls).toHaveLength(1)
  })

  it('F-24 repeats 503, but nothing that may have been acted upon where asking is not idempotent', async () => {
    const busy = failing(1, new UpstreamStatusError(503, 'u'))
    expect(await retrying(busy).upstream.request()).toBe(AD)
    const post = new FakeUpstream('u', () => Promise.reject(failure('idempotent')), false)
    await expect(retrying(post).upstream.request()).rejects.toThrow('down')
    expect(post.calls).toHaveLength(1)
    const unsent = new FakeUpstream(
      'u',
      (_, count) => (count === 1 ? Promise.reject(failure('always')) : AD),
      false,
    )
    expect(await retrying(unsent).upstream.request()).toBe(AD)
  })

  it('F-50 waits with full jitter up to a doubling ceiling', async () => {
    const { upstream, waits } = retrying(failing(9), {
      maxRetries: 6,
      baseMs: 10,
      maxMs: 50,
      random: () => 1,
    })
    await upstream.request().catch(() => undefined)
    expect(waits).toEqual([10, 20, 40, 50, 50, 50])
  })

  it('F-50 does not begin behind the deadline, and stops when the caller leaves', async () => {
    const late = failing(9)
    const { upstream } = retrying(late, { random: () => 1, baseMs: 100 })
    await expect(upstream.request({ deadlineMs: now() + 50 })).rejects.toThrow('down')
    expect(late.calls).toHaveLength(1)
    const left = new AbortController()
    const inner = new FakeUpstream('u', () => {
      left.abort(new Error('gone'))
      throw failure()
    })
    await expect(retrying(inner).upstream.request({ signal: left.signal })).rejects.toThrow('gone')
    expect(inner.calls).toHaveLength(1)
  })

  it('F-50 an outage is not multiplied: retries draw on a budget', async () => {
    const inner = failing(10_000)
    const { upstream } = retrying(inner)
    for (let i = 0; i < 500; i += 1) await upstream.request().catch(() => undefined)
    expect(inner.calls.length).toBeGreaterThan(500)
    expect(inner.calls.length).toBeLessThanOrEqual(500 + 0.2 * 500 + 10)
  })
})

describe('CircuitBreakerMiddleware', () => {
  it('C-15, F-36 opens after failures, lets one probe at a time through, closes after two', async () => {
    let [atMs, ok] = [1000, false]
    let release: (() => void) | null = null
    const inner = new FakeUpstream('u', async () => {
      if (ok) await new Promise<void>((resolve) => (release = resolve))
      else throw failure()
      return AD
    })
    const changes: string[] = []
    const breaker = new CircuitBreakerMiddleware({
      upstream: inner,
      clock: () => atMs,
      onChange: ({ to }) => void changes.push(to),
    })
    for (let i = 0; i < 5; i += 1) await expect(breaker.request()).rejects.toThrow('down')
    const refused = await breaker.request().catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(CircuitBreakerOpen)
    expect(refused).toMatchObject({ status: 503, upstream: 'u', retryAfterS: 30 })
    expect(inner.calls).toHaveLength(5)
    expect(await breaker.healthCheck()).toBe(false)
    atMs += 31_000
    ok = true
    for (let probe = 0; probe < 2; probe += 1) {
      const first = breaker.request()
      await expect(breaker.request()).rejects.toBeInstanceOf(CircuitBreakerOpen)
      ;(release as (() => void) | null)?.()
      expect(await first).toBe(AD)
    }
    expect(changes).toEqual(['open', 'half-open', 'closed'])
    expect(await breaker.healthCheck()).toBe(true)
  })

  it("C-15 counts neither the caller's leaving, nor refusals of a request, nor mistakes of the program", async () => {
    const left = AbortSignal.abort(new Error('gone'))
    const errors = [new TypeError('x'), new UpstreamStatusError(404, 'u')]
    const inner = new FakeUpstream('u', (call, count) => {
      throw call.signal === undefined ? errors[count % 2] : failure()
    })
    const breaker = new CircuitBreakerMiddleware({ upstream: inner, failures: 1 })
    for (let i = 0; i < 4; i += 1) await breaker.request().catch(() => undefined)
    await breaker.request({ signal: left }).catch(() => undefined)
    expect(await breaker.healthCheck()).toBe(true)
  })

  it('F-36 threads that share its memory agree', async () => {
    const shared = { memory: breakerMemory(2), workers: 2, epochMs: now(), failures: 2 }
    const one = new CircuitBreakerMiddleware({ ...shared, worker: 0, upstream: failing(9) })
    const other = new CircuitBreakerMiddleware({ ...shared, worker: 1, upstream: failing(9) })
    await one.request().catch(() => undefined)
    await other.request().catch(() => undefined)
    await expect(one.request()).rejects.toBeInstanceOf(CircuitBreakerOpen)
  })
})

describe('RateLimitMiddleware', () => {
  it('C-15 lets through what its bucket holds, and says when there is room again', async () => {
    let atMs = 0
    const inner = new FakeUpstream('u', () => AD)
    const limited = new RateLimitMiddleware({ upstream: inner, perSecond: 2, clock: () => atMs })
    await limited.request()
    await limited.request()
    const refused = await limited.request().catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(RateLimitExceeded)
    expect(refused).toMatchObject({ status: 503, retryAfterS: 1 })
    atMs += 500
    await limited.request()
    await expect(limited.request()).rejects.toThrow("rate limit of 'u'")
    expect(inner.calls).toHaveLength(3)
  })

  it('C-15 limits each key by itself, in bounded memory; who is refused uses up nothing', async () => {
    const key = (call: { params?: Readonly<Record<string, unknown>> }): string => String(call.params?.['u'])
    const limited = new RateLimitMiddleware({
      upstream: new FakeUpstream('u', () => AD),
      perSecond: 100,
      perKeyPerSecond: 1,
      maxKeys: 2,
      key,
      clock: () => 0,
    })
    const ask = (u: string): Promise<string> =>
      limited.request({ params: { u } }).then(
        () => 'ok',
        () => 'limited',
      )
    expect([await ask('a'), await ask('a'), await ask('b')]).toEqual(['ok', 'limited', 'ok'])
    expect([await ask('c'), await ask('c'), await ask('a')]).toEqual(['ok', 'limited', 'ok'])
  })
})

describe('CacheMiddleware', () => {
  it('F-47 keeps a no-fill for a moment, and never an ad by default', async () => {
    let atMs = 0
    const answers = [NO_AD, AD, AD]
    const inner = new FakeUpstream('u', (_, count) => answers[count - 1] ?? AD)
    const cached = new CacheMiddleware({ upstream: inner, clock: () => atMs })
    await cached.request()
    expect(await cached.request()).toBe(NO_AD)
    expect(inner.calls).toHaveLength(1)
    atMs += 2001
    await cached.request()
    await cached.request()
    expect(inner.calls).toHaveLength(3)
    expect(cached.stats).toEqual({ hits: 1, misses: 3, evictions: 0 })
  })

  it('F-47 tells users, parameters and consent apart, and stays bounded', async () => {
    const inner = new FakeUpstream('u', () => NO_AD)
    const cached = new CacheMiddleware({ upstream: inner, maxEntries: 2, noFillMs: 60_000 })
    const of = (user: string) => SessionContext.create({ cookies: { user_id: user } })
    await cached.request({ params: { a: 1, b: 2 }, context: of('u1') })
    await cached.request({ params: { b: 2, a: 1 }, context: of('u1') })
    expect(inner.calls).toHaveLength(1)
    await cached.request({ params: { a: 1, b: 2 }, context: of('u2') })
    await cached.request({ params: { a: 1, b: 3 }, context: of('u1') })
    expect([inner.calls.length, cached.size, cached.stats.evictions]).toEqual([3, 2, 1])
  })

  it('does not keep a no-fill of the moment', async () => {
    const inner = new FakeUpstream('u', () => ({ kind: 'no-fill', reason: 'frequency-cap' }))
    const cached = new CacheMiddleware({ upstream: inner })
    await cached.request()
    await cached.request()
    expect(inner.calls).toHaveLength(2)
  })
})

describe('MetricsMiddleware', () => {
  it('C-25 counts fills, no-fills by reason and failures by reason, and times them', async () => {
    let atMs = 0
    const inner = new FakeUpstream('u', (_, count) => {
      atMs += 10 * count
      if (count === 3) throw failure()
      return count === 1 ? AD : NO_AD
    })
    const seen: string[] = []
    const metered = new MetricsMiddleware({
      upstream: inner,
      clock: () => atMs,
      onOutcome: (outcome, latencyMs) => void seen.push(`${outcome} ${latencyMs}`),
    })
    expect(metered.snapshot().successRate).toBe(1)
    for (let i = 0; i < 3; i += 1) await metered.request().catch(() => undefined)
    const { latencyMs, ...counts } = metered.snapshot()
    expect(counts).toEqual({
      total: 3,
      filled: 1,
      noFill: { 'no-ad': 1 },
      failed: { connection_terminated: 1 },
      successRate: 1 - 1 / 3,
    })
    expect(seen).toEqual(['fill 10', 'no-ad 20', 'connection_terminated 30'])
    expect(latencyMs.max).toBeGreaterThanOrEqual(29.7)
    expect(latencyMs.mean).toBeCloseTo(20, 0)
  })
})

describe('withMiddleware', () => {
  it('F-57 measures hits, which pass no breaker; every attempt does', async () => {
    const trace: string[] = []
    const inner = new FakeUpstream('u', (_, count) => {
      trace.push('asked')
      if (count === 1) throw failure()
      return NO_AD
    })
    const upstream = withMiddleware(inner, {
      metrics: { onOutcome: (outcome) => void trace.push(outcome) },
      cache: { noFillMs: 60_000 },
      retry: { sleep: () => Promise.resolve() },
      breaker: { failures: 1, openMs: 60_000 },
      rateLimit: { perSecond: 1000 },
    })
    // The first attempt opens the breaker, which the retry then meets.
    await expect(upstream.request()).rejects.toBeInstanceOf(CircuitBreakerOpen)
    expect(trace).toEqual(['asked', 'destination_unavailable'])
    const open = withMiddleware(inner, {
      metrics: { onOutcome: (it) => void trace.push(it) },
      cache: {},
      retry: {},
    })
    await open.request()
    await open.request()
    expect(trace.slice(2)).toEqual(['asked', 'no-ad', 'no-ad'])
  })
})

describe('FallbackUpstream', () => {
  const down = () => new FakeUpstream('down', () => Promise.reject(failure()))
  const empty = () => new FakeUpstream('empty', () => NO_AD)
  const good = () => new FakeUpstream('good', () => AD)

  it('C-24 asks in order until one has an ad, and says which', async () => {
    expect(await new FallbackUpstream([good(), down()]).request()).toMatchObject({
      kind: 'fill',
      usedFallback: false,
      answeredBy: 'good',
    })
    expect(await new FallbackUpstream([down(), empty(), good()]).request()).toMatchObject({
      kind: 'fill',
      usedFallback: true,
      answeredBy: 'good',
    })
  })

  it('C-24 without any ad: a no-fill if somebody answered, else the last error', async () => {
    expect(await new FallbackUpstream([empty(), down()]).request()).toMatchObject({ kind: 'no-fill' })
    await expect(new FallbackUpstream([down(), down()]).request()).rejects.toThrow('down')
    const late = good()
    await expect(new FallbackUpstream([down(), late]).request({ deadlineMs: now() - 1 })).rejects.toThrow(
      'down',
    )
    expect(late.calls).toHaveLength(0)
  })
})
