import { createClient } from '@redis/client'
import { describe, expect, it } from 'vitest'
import {
  type AdEvent,
  type AdResult,
  AdServer,
  type AnalyticsClient,
  decideConsent,
  EventQueue,
  type EventSink,
  fetchMultiFormatAd,
  fetchWithLogging,
  HttpBatchSink,
  LogSink,
  loggedAdRequest,
  MemoryTransport,
  NO_SIGNALS,
  QueuedAnalytics,
  RedisStreamSink,
  SessionContext,
  StaleContextError,
  watchContexts,
} from '#src/ads/index.js'
import { AD, FakeUpstream, NO_AD, RecordingLogger } from '../support/fake-upstream.js'
import { hasRedis, RedisServer } from '../support/redis-server.js'

const filling = () => new FakeUpstream('vast', () => AD)

describe('logs of ad requests', () => {
  it('B-31, B-32 says that it started and succeeded, with exactly these keys', async () => {
    const logger = new RecordingLogger()
    const context = SessionContext.create()
    const upstream = filling()
    expect(await loggedAdRequest(upstream, context, 'preroll', logger)).toBe(AD)
    const { requestId: request_id, correlator } = context
    expect(logger.records).toEqual([
      { level: 'info', msg: 'Ad request started', request_id, correlator, placement_id: 'preroll' },
      { level: 'info', msg: 'Ad request succeeded', request_id, ad_id: 'ad-1' },
    ])
    expect(upstream.calls).toEqual([{ params: { placement_id: 'preroll' }, context }])
  })

  it('B-32 a no-fill has no ad and logs no success', async () => {
    const logger = new RecordingLogger()
    const result = await loggedAdRequest(
      new FakeUpstream('v', () => NO_AD),
      SessionContext.create(),
      'p',
      logger,
    )
    expect('ad' in result).toBe(false)
    expect(logger.records.map(({ msg }) => msg)).toEqual(['Ad request started', 'Ad request had no fill'])
  })

  it('B-33 on failure logs an error with its trace and rejects with the identical error', async () => {
    const logger = new RecordingLogger()
    const error = new Error('boom')
    const context = SessionContext.create()
    const upstream = new FakeUpstream('v', () => Promise.reject(error))
    await expect(loggedAdRequest(upstream, context, 'p', logger)).rejects.toBe(error)
    expect(logger.records[1]).toEqual({
      level: 'error',
      msg: 'Ad request failed',
      request_id: context.requestId,
      err: error,
    })
    expect(logger.records[1]).toHaveProperty('err.stack', expect.stringContaining('boom'))
  })

  it('B-61 three messages with these keys, the same error again; F-29 no ids in params but while debugging', async () => {
    const context = SessionContext.create()
    const request_id = context.requestId
    const params = { placement_id: 'p', user_id: 'alice', IFA: 'x' }
    const [quiet, loud] = [new RecordingLogger(), new RecordingLogger('debug')]
    await fetchWithLogging(filling(), { params, context }, quiet)
    await fetchWithLogging(filling(), { params, context }, loud)
    const redacted = { placement_id: 'p', user_id: '[redacted]', IFA: '[redacted]' }
    expect(quiet.records).toEqual([
      { level: 'info', msg: 'Starting ad request', request_id, params: redacted },
      { level: 'info', msg: 'Request succeeded', request_id },
    ])
    expect(loud.records[0]).toMatchObject({ params })
    const error = new Error('boom')
    const failing = new FakeUpstream('v', () => Promise.reject(error))
    await expect(fetchWithLogging(failing, { context }, quiet)).rejects.toBe(error)
    expect(quiet.records.at(-1)).toEqual({ level: 'error', msg: 'Request failed', request_id, err: error })
  })
})

describe('AdServer', () => {
  function recording(): { client: AnalyticsClient; calls: [kind: string, fields?: object][] } {
    const calls: [kind: string, fields?: object][] = []
    return {
      calls,
      client: {
        trackImpression: (fields) => void calls.push(['impression', fields]),
        trackEvent: (fields) => void calls.push(['event', fields]),
      },
    }
  }

  it("B-34, B-57, B-58 asks, then reports impression and interaction with the context's values", async () => {
    const { client, calls } = recording()
    const upstream = new FakeUpstream('v', () => {
      calls.push(['asked'])
      return AD
    })
    const context = SessionContext.create({ cookies: { user_id: 'u1' } })
    const { requestId, correlator, timestamp } = context
    expect(await new AdServer(upstream, client).serveAd(context, 'p')).toBe(AD)
    expect(calls).toEqual([
      ['asked'],
      ['impression', { adId: 'ad-1', requestId, correlator, timestamp }],
      ['event', { eventType: 'ad_served', adId: 'ad-1', userId: 'u1', correlator }],
    ])
  })

  it('B-58 the user is anonymous by default, and without consent', async () => {
    const { client, calls } = recording()
    const server = new AdServer(filling(), client)
    await server.serveAd(SessionContext.create(), 'p')
    const consent = decideConsent({ ...NO_SIGNALS, gdpr: true })
    await server.serveAd(SessionContext.create({ cookies: { user_id: 'u1' }, consent }), 'p')
    expect(calls.filter(([kind]) => kind === 'event')).toMatchObject([
      ['event', { userId: 'anonymous' }],
      ['event', { userId: 'anonymous' }],
    ])
  })

  it('B-32, F-11 a no-fill reports nothing', async () => {
    const { client, calls } = recording()
    await new AdServer(new FakeUpstream('v', () => NO_AD), client).serveAd(SessionContext.create(), 'p')
    expect(calls).toEqual([])
  })

  it('F-27 an ad does not wait for its reports, and no failure of theirs is its own', async () => {
    const logger = new RecordingLogger()
    const client: AnalyticsClient = {
      trackImpression: () => Promise.reject(new Error('down')),
      trackEvent: () => {
        throw new Error('down too')
      },
    }
    const never: AnalyticsClient = {
      trackImpression: () => new Promise(() => undefined),
      trackEvent: () => undefined,
    }
    expect(await new AdServer(filling(), client, logger).serveAd(SessionContext.create(), 'p')).toBe(AD)
    expect(await new AdServer(filling(), never).serveAd(SessionContext.create(), 'p')).toBe(AD)
    expect(logger.records.filter(({ level }) => level === 'warn')).toHaveLength(2)
  })

  it('B-60 serving twice with one context is found out in development', async () => {
    watchContexts(true)
    try {
      const server = new AdServer(filling(), recording().client)
      const context = SessionContext.create()
      await server.serveAd(context, 'p')
      await expect(server.serveAd(context, 'p')).rejects.toBeInstanceOf(StaleContextError)
    } finally {
      watchContexts(false)
    }
  })
})

describe('fetchMultiFormatAd', () => {
  it('B-55, B-56, F-26 asks for both at the same time with one context, and logs once', async () => {
    const logger = new RecordingLogger()
    const context = SessionContext.create()
    let waiting = 0
    let release: () => void = () => undefined
    const both = new Promise<void>((resolve) => {
      release = resolve
    })
    // Neither answers before both were asked.
    const answer = async (): Promise<AdResult> => {
      waiting += 1
      if (waiting === 2) release()
      await both
      return AD
    }
    const [video, display] = [new FakeUpstream('v', answer), new FakeUpstream('d', answer)]
    expect(await fetchMultiFormatAd(context, { video, display }, { logger })).toEqual({
      video: AD,
      display: AD,
    })
    expect(video.calls).toEqual([{ params: { format: 'video' }, context }])
    expect(display.calls).toEqual([{ params: { format: 'banner' }, context }])
    expect(logger.records).toEqual([
      { level: 'info', msg: 'Multi-format ad request completed', correlator: context.correlator },
    ])
  })

  it('B-56, F-26 one that fails leaves the other usable', async () => {
    const logger = new RecordingLogger()
    const failing = new FakeUpstream('v', () => Promise.reject(new Error('boom')))
    const result = await fetchMultiFormatAd(
      SessionContext.create(),
      { video: failing, display: filling() },
      { logger },
    )
    expect(result).toEqual({ video: { kind: 'no-fill', reason: 'error' }, display: AD })
    expect(logger.records[0]).toMatchObject({ level: 'warn', format: 'video' })
  })
})

/** A sink that takes what it is told to. */
class FakeSink implements EventSink<number> {
  readonly name = 'fake'
  readonly batches: (readonly number[])[] = []
  closed = 0
  constructor(private readonly take: (count: number) => Promise<void> = () => Promise.resolve()) {}
  async deliver(events: readonly number[]): Promise<void> {
    this.batches.push(events)
    await this.take(this.batches.length)
  }
  close(): Promise<void> {
    this.closed += 1
    return Promise.resolve()
  }
}

describe('EventQueue (F-27)', () => {
  it('delivers in order, in batches, when one is full or on flush', async () => {
    const sink = new FakeSink()
    const queue = new EventQueue(sink, { batchSize: 2 })
    for (const event of [1, 2, 3]) queue.push(event)
    await queue.flush()
    expect(sink.batches).toEqual([[1, 2], [3]])
    expect(queue.stats).toEqual({ accepted: 3, delivered: 3, dropped: 0, failures: 0 })
    await queue.close()
  })

  it('repeats what was not taken until it is: at least once, nothing lost', async () => {
    const sink = new FakeSink((count) => (count < 3 ? Promise.reject(new Error('no')) : Promise.resolve()))
    const logger = new RecordingLogger()
    const queue = new EventQueue(sink, { retryMs: 1, logger })
    queue.push(1)
    queue.push(2)
    await queue.flush()
    expect(sink.batches).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ])
    expect(queue.stats).toMatchObject({ delivered: 2, failures: 2, dropped: 0 })
    expect(logger.records).toHaveLength(2)
    await queue.close()
  })

  it('is bounded: what does not fit is dropped, counted and said once', async () => {
    const logger = new RecordingLogger()
    const queue = new EventQueue(new FakeSink(), { capacity: 2, logger })
    expect([1, 2, 3, 4].map((event) => queue.push(event))).toEqual([true, true, false, false])
    expect(queue.stats.dropped).toBe(2)
    expect(logger.records).toHaveLength(1)
    await queue.close()
    expect(queue.stats).toMatchObject({ accepted: 2, delivered: 2 })
    expect(queue.push(5)).toBe(false)
  })

  it('close does not wait longer than it may, and counts what is lost', async () => {
    const sink = new FakeSink(() => new Promise(() => undefined))
    const queue = new EventQueue(sink)
    queue.push(1)
    await queue.close(20)
    await queue.close(20)
    expect(queue.stats).toMatchObject({ delivered: 0, dropped: 1 })
    expect(sink.closed).toBe(1)
  })

  it('close ends the wait of a delivery that failed', async () => {
    const queue = new EventQueue(new FakeSink(() => Promise.reject(new Error('no'))), { retryMs: 60_000 })
    queue.push(1)
    const startMs = performance.now()
    await queue.close(20)
    expect(performance.now() - startMs).toBeLessThan(10_000)
  })
})

describe('sinks', () => {
  const event: AdEvent = {
    event_type: 'impression',
    ad_id: 'a',
    correlator: 'c',
    timestamp: 5,
    idempotency_key: 'k',
  }

  it('D2, F-27 reports go into the queue in snake_case with a key that is the same for the same event', async () => {
    const seen: AdEvent[] = []
    const queue = new EventQueue<AdEvent>({
      name: 'x',
      deliver: (events) => Promise.resolve(void seen.push(...events)),
      close: () => Promise.resolve(),
    })
    const analytics = new QueuedAnalytics(queue)
    const impression = { adId: 'a', correlator: 'c', timestamp: 5, requestId: 'r' }
    analytics.trackImpression(impression)
    analytics.trackImpression(impression)
    analytics.trackEvent({ eventType: 'ad_served', adId: 'a', userId: 'u', correlator: 'c' })
    await queue.close()
    expect(seen[0]).toMatchObject({ event_type: 'impression', ad_id: 'a', request_id: 'r', timestamp: 5 })
    expect(seen[0]?.idempotency_key).toBe(seen[1]?.idempotency_key)
    expect(seen[2]).toMatchObject({ event_type: 'ad_served', user_id: 'u' })
    expect(seen[2]?.idempotency_key).not.toBe(seen[0]?.idempotency_key)
  })

  it('log: one record for each event', async () => {
    const logger = new RecordingLogger()
    await new LogSink(logger).deliver([event])
    expect(logger.records).toEqual([{ ...event, level: 'info', msg: 'Ad event: impression' }])
  })

  it('HTTP: one POST for a batch; anything but 2xx comes again', async () => {
    const transport: MemoryTransport = new MemoryTransport(() => ({
      status: transport.requests.length === 1 ? 503 : 202,
    }))
    const queue = new EventQueue(new HttpBatchSink<AdEvent>({ transport, url: 'http://a/events' }), {
      retryMs: 1,
    })
    queue.push(event)
    await queue.close()
    expect(transport.requests).toHaveLength(2)
    expect(transport.requests[1]).toMatchObject({
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    })
    expect(JSON.parse(String(transport.requests[1]?.body))).toEqual([event])
    expect(queue.stats).toMatchObject({ delivered: 1, failures: 1 })
  })

  it('Redis: one stream entry for each event, the stream bounded', async () => {
    const commands: string[][] = []
    const client = {
      sendCommand: (args: string[]) => Promise.resolve(void commands.push(args)),
      close: () => Promise.resolve(void commands.push(['closed'])),
    }
    const sink = new RedisStreamSink({ client, stream: 's', maxLength: 10 })
    await sink.deliver([event])
    await sink.close()
    expect(commands).toEqual([
      [
        'XADD',
        's',
        'MAXLEN',
        '~',
        '10',
        '*',
        'event_type',
        'impression',
        'ad_id',
        'a',
        'correlator',
        'c',
        'timestamp',
        '5',
        'idempotency_key',
        'k',
      ],
      ['closed'],
    ])
  })

  it.runIf(hasRedis('the Redis stream sink'))('Redis: events arrive in a real stream', async () => {
    const server = await RedisServer.start()
    try {
      const client = await createClient({ url: server.url }).connect()
      const sink = new RedisStreamSink<AdEvent>({ client, stream: 'events' })
      const queue = new EventQueue(sink)
      for (let i = 0; i < 3; i += 1) queue.push({ ...event, idempotency_key: `k${i}` })
      await queue.flush()
      const entries = await client.xRange('events', '-', '+')
      expect(entries?.map(({ message }) => message['idempotency_key'])).toEqual(['k0', 'k1', 'k2'])
      expect(entries?.[0]?.message).toMatchObject({ event_type: 'impression', timestamp: '5' })
      await queue.close()
    } finally {
      await server.stop()
    }
  })
})
