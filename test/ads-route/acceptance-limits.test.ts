import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AdServerUnderTest, impressionsOf, inlineVast, wrapperTo } from '../support/ad-server.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess } from '../support/gateway.js'
import { hasRedis, RedisServer } from '../support/redis-server.js'

// Deadlines, money and privacy of ads.md §5.3, where they need a gateway of their own.
const SECRET = 'a secret of the tests, long enough to sign with'
const HOP_MS = 250
const redisTest = hasRedis('what a gateway writes into Redis') ? it : it.skip
const folder = mkdtempSync(join(tmpdir(), 'headgate-limits-'))
let ads: AdServerUnderTest
let receiver: AdServerUnderTest
let redis: RedisServer | null = null
let gateway: GatewayProcess
let player = new AbortController()

function answer(path: string, body: string, base: string): string | null | Promise<string | null> {
  const [, kind = '', count = ''] = path.split('/')
  if (kind === 'bid') {
    const { id } = JSON.parse(body) as { id: string }
    const bid = { id: 'b', impid: '1', price: 2, adid: 'bid', adm: inlineVast('bid', base) }
    return JSON.stringify({ id, cur: 'USD', seatbid: [{ bid: [bid] }] })
  }
  if (kind === 'left') {
    // The place of the ad itself is decided behind the answer: not before the player has gone.
    redis?.pause()
    setTimeout(() => player.abort(), 60)
    return inlineVast('left', base)
  }
  if (kind !== 'slow') return inlineVast('ad', base)
  const document =
    count === '0' ? inlineVast('in', base) : wrapperTo(`${base}/slow/${Number(count) - 1}`, `w${count}`, base)
  return new Promise((resolve) => setTimeout(resolve, HOP_MS, document))
}

const config = (routes: readonly object[]) =>
  ({
    workers: 2,
    admin: '127.0.0.1:0',
    upstreams: { app: { peers: [ads.base.slice(7)] } },
    routes: [...routes, { match: { path: '/*' }, upstream: 'app' }],
  }) as Parameters<typeof GatewayProcess.start>[0]

const route = (name: string, more: object) => ({
  match: { path: `/${name}/*` },
  adserving: {
    vast: { url: `${ads.base}/${name}` },
    store: { kind: 'lmdb', path: join(folder, 'state'), durability: 'process' },
    guard: { allow: ['127.0.0.0/8'], ports: [] },
    campaigns: { [name]: { caps: [] } },
    ...more,
  },
})

const events = (name: string, more: object = {}) => ({
  events: { path: `/${name}/event`, secrets: [SECRET], ...more },
})

beforeAll(async () => {
  ads = await AdServerUnderTest.start(({ path, body }, base) => answer(path, body, base))
  receiver = await AdServerUnderTest.start(() => null)
  redis = redisTest === it ? await RedisServer.start() : null
  const sinks = [{ kind: 'http', url: `${receiver.base}/events` }]
  const request = { imp: [{ id: '1', video: { mimes: ['video/mp4'] } }] }
  gateway = await GatewayProcess.start(
    config([
      route('chain', {
        vast: { url: `${ads.base}/slow/5`, hopTimeout: '600ms' },
        timeout: '800ms',
        retries: 0,
      }),
      route('budget', {
        campaigns: { budget: { caps: [], cpm: '2.00', budget: '1.00' } },
        ...events('budget'),
      }),
      route('left', {
        ...(redis === null ? {} : { store: { kind: 'redis', url: redis.url } }),
        campaigns: { left: { caps: [{ max: 9, every: '1h', per: ['ad'] }] } },
        ...events('left'),
      }),
      route('private', {
        vast: undefined,
        openrtb: { url: `${ads.base}/bid`, tmax: '2s', request },
        ...(redis === null ? {} : { store: { kind: 'redis', url: redis.url } }),
        campaigns: { private: { caps: [{ max: 9, every: '1h' }], cpm: '2.00', budget: '1.00' } },
        ...events('private', { sinks, queue: { linger: '20ms' } }),
      }),
    ]),
  )
})

afterAll(async () => {
  await gateway.close()
  await ads.close()
  await receiver.close()
  await redis?.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function ask(port: number, path: string, headers: Record<string, string> = {}, body?: string) {
  const init = body === undefined ? { headers } : { headers, method: 'POST', body }
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
  return { result: response.headers.get('x-ad-result'), xml: await response.text(), status: response.status }
}

const ownImpression = (xml: string): string => {
  const { pathname, search } = new URL(
    impressionsOf(xml).find((url) => url.includes('?t=')) ?? 'http://none/',
  )
  return pathname + search
}

describe('ads.md §5.3 through a running gateway: limits', () => {
  it('(3) hops that are each in time and together are not: 301, and no later than the deadline', async () => {
    const startMs = performance.now()
    const { result } = await ask(gateway.port, '/chain/vast')
    const tookMs = performance.now() - startMs
    expect(result).toBe('timeout')
    // All six would have taken 1.5 s.
    expect(tookMs).toBeLessThan(6 * HOP_MS - 200)
    await eventually('a pixel', () => ads.seen.some(({ url }) => url === '/err/w5?c=301'))
    expect(ads.at('/slow/0')).toEqual([])
  })

  it('(6) 1.00 at CPM 2.00 with events: exactly 500 over all workers, reported or not yet', async () => {
    const results: (string | null)[] = []
    let left = 520
    const client = async (): Promise<void> => {
      while (left > 0) {
        left -= 1
        const { result, xml } = await ask(gateway.port, '/budget/vast')
        results.push(result)
        if (result === 'fill' && left % 4 === 0) await ask(gateway.port, ownImpression(xml))
      }
    }
    await Promise.all(Array.from({ length: 16 }, client))
    expect(results.filter((result) => result === 'fill')).toHaveLength(500)
    expect(results.filter((result) => result === 'budget')).toHaveLength(20)
  })

  it('(6) a gateway dies between reserve and commit: the reservation is free again when its time is over', async () => {
    const lost = config([
      route('lost', {
        campaigns: { lost: { caps: [], cpm: '2.00', budget: '0.002' } },
        ...events('lost', { hold: '3s' }),
      }),
    ])
    const first = await GatewayProcess.start(lost)
    expect((await ask(first.port, '/lost/vast')).result).toBe('fill')
    first.signal('SIGKILL')
    await first.exit
    const second = await GatewayProcess.start(lost)
    try {
      await eventually(
        'the reservation has run out',
        async () => (await ask(second.port, '/lost/vast')).result === 'fill',
      )
      expect((await ask(second.port, '/lost/vast')).result).toBe('budget')
    } finally {
      await second.close()
    }
  })

  it('(7) gdpr=1 and no string: no id in a bid request, whoever sent it and wherever it stood', async () => {
    const cookie = { cookie: 'user_id=secret-user; session_id=secret-session' }
    const said = {
      user: {
        id: 'secret-user',
        buyeruid: 'secret-buyer',
        eids: [{ source: 's', uids: [{ id: 'secret-eid' }] }],
      },
      device: { ifa: 'secret-ifa' },
      regs: { gdpr: 1 },
    }
    const query = '/private/vast?gdpr=1&ifa=secret-ifa&transactionid=5ec7e700-0000-4000-8000-000000000000'
    const { result, xml } = await ask(gateway.port, query, cookie, JSON.stringify(said))
    expect(result).toBe('fill')
    expect((await ask(gateway.port, ownImpression(xml))).status).toBe(200)
    const [bid] = ads.at('/bid')
    expect(JSON.stringify([bid?.url, bid?.headers, bid?.body])).not.toMatch(/secret-|5ec7e700/)
    expect(JSON.parse(bid?.body ?? '{}')).toMatchObject({ regs: { gdpr: 1 } })
    // Nobody may be told of what that user saw: the next one's impression is the first that a sink hears of.
    const next = await ask(gateway.port, '/private/vast')
    expect((await ask(gateway.port, ownImpression(next.xml))).status).toBe(200)
    const impressions = () => receiver.at('/events').filter(({ body }) => body.includes('impression'))
    await eventually('the impression', () => impressions().length > 0)
    expect(impressions()).toHaveLength(1)
    expect(JSON.stringify(receiver.seen)).not.toMatch(/secret-/)
    // The lines of the ad route.
    const lines = gateway.log.having((line) => line['request_id'] !== undefined)
    expect(lines.length).toBeGreaterThan(0)
    expect(/secret-(user|session|ifa|buyer|eid)/.exec(JSON.stringify(lines))).toBeNull()
  })

  redisTest('(7) and none in Redis, in keys or in values', async () => {
    const client = await redis?.client()
    const keys = (await client?.keys('*')) ?? []
    expect(keys.length).toBeGreaterThan(0)
    const values = await Promise.all(
      keys.map(async (key) => {
        const type = await client?.type(key)
        if (type === 'hash') return JSON.stringify(await client?.hGetAll(key))
        if (type === 'zset') return JSON.stringify(await client?.zRange(key, 0, -1))
        if (type === 'set') return JSON.stringify(await client?.sMembers(key))
        return String(await client?.get(key))
      }),
    )
    expect([...keys, ...values].join('\n')).not.toMatch(/secret-/)
  })

  redisTest('VAST 304: an ad came, and the player had gone before it could be handed out', async () => {
    await eventually('the error URL is called', async () => {
      player = new AbortController()
      const { signal } = player
      await fetch(`http://127.0.0.1:${gateway.port}/left/vast`, { signal }).then(
        (response) => response.text(),
        () => '',
      )
      redis?.resume()
      // The store may have been given up for a moment, and then there is nothing to wait for.
      return ads.seen.some(({ url }) => url === '/err/left?c=304')
    })
  })
})
