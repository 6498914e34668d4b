import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRateLimitFilter, rateLimitOptions } from '#src/filters/index.js'
import { RedisRateLimiter } from '#src/state/redis/rate-limiter.js'
import { type TestKit, testFilter } from '#src/testing/index.js'
import { conserved } from '../support/conservation.js'
import { InProcessGateway, type TestConfig } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'
import { hasRedis, RedisCluster, RedisServer } from '../support/redis-server.js'

conserved()

const run = hasRedis('rate limits in Redis') ? describe : describe.skip

const HOUR_US = 3_600_000_000

run('rate limits of many machines', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await RedisServer.start()
  })
  afterAll(() => server.stop())

  it('gives a burst, tells how far ahead the key is, and forgets a key that has its full allowance', async () => {
    const limiter = new RedisRateLimiter({ url: server.url, prefix: 'burst:' })
    try {
      const answers = []
      for (let i = 0; i < 4; i += 1) answers.push(await limiter.take('a', HOUR_US, 3 * HOUR_US))
      expect(answers.map(({ allowed }) => allowed)).toEqual([true, true, true, false])
      expect(answers.map(({ aheadUs }) => Math.ceil(aheadUs / HOUR_US))).toEqual([1, 2, 3, 3])
      expect((await limiter.take('b', HOUR_US, 3 * HOUR_US)).allowed).toBe(true)
      const client = await server.client()
      const leftMs = Number(await client.sendCommand(['PTTL', 'burst:a']))
      expect(leftMs).toBeGreaterThan(2.9 * 3_600_000)
      expect(leftMs).toBeLessThanOrEqual(3 * 3_600_000 + 1)
      await limiter.take('x'.repeat(5_000), HOUR_US, HOUR_US)
      const keys = (await client.sendCommand(['KEYS', 'burst:*'])) as unknown as string[]
      expect(keys.every((key) => key.length < 100)).toBe(true)
    } finally {
      await limiter.close()
    }
  })

  it('is one command for each decision, once the server knows the script', async () => {
    const limiter = new RedisRateLimiter({ url: server.url, prefix: 'trips:' })
    try {
      await limiter.take('a', 1, 1_000_000)
      const client = await server.client()
      await client.sendCommand(['CONFIG', 'RESETSTAT'])
      for (let i = 0; i < 10; i += 1) await limiter.take('a', 1, 1_000_000)
      const stats = String(await client.sendCommand(['INFO', 'commandstats']))
      expect(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1]).toBe('10')
      expect(stats).not.toContain('cmdstat_eval:')
    } finally {
      await limiter.close()
    }
  })

  it('a thousand at once of two machines: not one more than the burst', async () => {
    const machines = [1, 2].map(
      () => new RedisRateLimiter({ url: server.url, prefix: 'race:', timeoutMs: 5_000 }),
    )
    try {
      const answers = await Promise.all(
        Array.from({ length: 1_000 }, (_, i) => machines[i % 2]?.take('a', HOUR_US, 100 * HOUR_US)),
      )
      expect(answers.filter((answer) => answer?.allowed === true)).toHaveLength(100)
    } finally {
      await Promise.all(machines.map((machine) => machine.close()))
    }
  })

  it('works on a cluster', async () => {
    const cluster = await RedisCluster.start()
    const limiter = new RedisRateLimiter({ cluster: cluster.urls, timeoutMs: 5_000 })
    try {
      const allowed = []
      for (const key of ['a', 'b', 'c', 'd', 'a', 'b', 'c', 'd'])
        allowed.push((await limiter.take(key, HOUR_US, HOUR_US)).allowed)
      expect(allowed).toEqual([true, true, true, true, false, false, false, false])
    } finally {
      await limiter.close()
      await cluster.stop()
    }
  })

  it('two gateways count together, each with two workers', async () => {
    const origin = await HttpOrigin.start((_, response) => void response.end('fine'))
    const config: TestConfig = {
      upstreams: { app: { peers: [origin.address] } },
      routes: [
        {
          upstream: 'app',
          rateLimit: {
            limit: 6,
            window: '1h',
            redis: { url: server.url, prefix: 'gateways:', timeout: '5s' },
          },
        },
      ],
    }
    const gateways = [await InProcessGateway.start(config), await InProcessGateway.start(config)]
    try {
      const answers = []
      for (let i = 0; i < 8; i += 1) answers.push(await fetchAnswer(gateways[i % 2]?.port ?? 0, '/'))
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200, 429, 429])
      expect(answers.map(({ headers }) => headers['ratelimit-remaining']).slice(0, 3)).toEqual([
        '5',
        '4',
        '3',
      ])
      expect(Number(answers[7]?.headers['retry-after'])).toBeGreaterThan(500)
    } finally {
      await Promise.all(gateways.map((gateway) => gateway.close()))
      await origin.close()
    }
  })

  it.each([
    { onFailure: 'local', statuses: [200, 200, 429], remaining: '0' },
    { onFailure: 'open', statuses: [200, 200, 200], remaining: '2' },
    { onFailure: 'closed', statuses: [503, 503, 503], remaining: undefined },
  ] as const)(
    'C10 while Redis stands still, onFailure: $onFailure',
    async ({ onFailure, statuses, remaining }) => {
      const own = await RedisServer.start()
      const warnings: string[] = []
      const filter = await createRateLimitFilter(
        rateLimitOptions.parse({
          limit: 2,
          window: '1h',
          by: 'route',
          redis: { url: own.url, prefix: `${onFailure}:`, timeout: '50ms', onFailure },
        }),
        undefined,
        'route',
        { warn: (message) => warnings.push(message) },
      )
      const kit: TestKit = testFilter(filter, { upstream: () => ({ body: 'fine' }) })
      try {
        // Of Redis both are counted, the second one with its last.
        expect((await kit.request()).status).toBe(200)
        own.pause()
        const answers = []
        for (let i = 0; i < 3; i += 1) answers.push(await kit.request())
        expect(answers.map(({ status }) => status)).toEqual(statuses)
        expect(answers[1]?.headers.get('ratelimit-remaining') ?? undefined).toBe(remaining)
        if (onFailure === 'closed') expect(answers[0]?.headers.get('retry-after')).toBe('1')
        expect(warnings).toHaveLength(1)
        expect(warnings[0]).toContain(`onFailure: ${onFailure}`)
      } finally {
        own.resume()
        await own.stop()
      }
    },
  )
})
