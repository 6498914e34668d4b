import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RouteAdEvent } from '#src/ads/index.js'
import { AdServerUnderTest, impressionsOf, inlineVast } from '../support/ad-server.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess } from '../support/gateway.js'
import { hasRedis, RedisServer } from '../support/redis-server.js'

const SECRET = 'a secret of the tests, long enough to sign with'
const folder = mkdtempSync(join(tmpdir(), 'headgate-policies-'))
let ads: AdServerUnderTest
let receiver: AdServerUnderTest
let gateway: GatewayProcess
let redis: RedisServer | null = null
const redisTest = hasRedis('keys of a route in Redis') ? it : it.skip
const RAW = { caps: [{ max: 9, every: '1h' }], cpm: '2.00', budget: '1.00' }
const RAW_ID = 'the-id-of-a-user-4711'

/** @param what CPM and currency, `2.5EUR` */
function bidOf(what: string, id: string, base: string): string {
  const notice = (kind: string): string => `${base}/${kind}/${what}`
  const one = { id: 'b', impid: '1', price: Number.parseFloat(what), adid: what, adm: inlineVast(what, base) }
  const bid = { ...one, nurl: notice('win'), lurl: notice('loss') }
  return JSON.stringify({ id, cur: what.slice(-3), seatbid: [{ bid: [bid] }] })
}

beforeAll(async () => {
  ads = await AdServerUnderTest.start(({ path, body }, base) => {
    const [, kind = '', what = ''] = path.split('/')
    if (kind === 'bid') return bidOf(what, (JSON.parse(body) as { id: string }).id, base)
    const vast = inlineVast(kind, base)
    return kind === 'expires' ? vast.replace('</InLine>', '<Expires>1</Expires></InLine>') : vast
  })
  redis = redisTest === it ? await RedisServer.start() : null
  receiver = await AdServerUnderTest.start(() => null)
  const route = (name: string, more: object = {}) => ({
    match: { path: `/${name}/*` },
    adserving: {
      vast: { url: `${ads.base}/${name}` },
      store: { kind: 'lmdb', path: join(folder, 'state'), durability: 'process' },
      guard: { allow: ['127.0.0.0/8'], ports: [] },
      campaigns: { [name]: { caps: [] } },
      ...more,
    },
  })
  const rtb = (what: string, currency: string) => ({
    vast: undefined,
    openrtb: {
      url: `${ads.base}/bid/${what}`,
      tmax: '2s',
      currency,
      request: { imp: [{ id: '1', video: {} }] },
    },
  })
  gateway = await GatewayProcess.start({
    workers: 1,
    admin: '127.0.0.1:0',
    upstreams: { app: { peers: [ads.base.slice(7)] } },
    routes: [
      route('limited', { vast: { url: `${ads.base}/limited?lat=[LIMITADTRACKING]` } }),
      route('told', {
        events: {
          path: '/told/event',
          secrets: [SECRET],
          sinks: [{ kind: 'http', url: `${receiver.base}/events` }],
          queue: { linger: '10ms' },
        },
      }),
      route('bid', {
        ...rtb('2.5USD', 'USD'),
        campaigns: { bid: { caps: [], cpm: '100.00', price: 'bid', budget: '0.005' } },
      }),
      route('euros', {
        vast: undefined,
        sources: [rtb('2.5EUR', 'EUR'), rtb('2.5USD', 'USD')],
        campaigns: { euros: { caps: [], price: 'bid', budget: '1.00 USD' } },
      }),
      route('expires', {
        campaigns: { expires: { caps: [{ max: 1, every: '1h' }] } },
        events: { path: '/expires/event', secrets: [SECRET], late: 'never' },
      }),
      route('scopes', {
        campaigns: {
          one: {
            advertiser: 'acme',
            caps: [
              { max: 2, every: '1h', per: ['user', 'advertiser'] },
              { max: 1, every: '1h', per: ['user', 'pod'] },
              { max: 1, every: '1h', per: ['stream'] },
            ],
          },
          two: { advertiser: 'acme', caps: [{ max: 2, every: '1h', per: ['user', 'advertiser'] }] },
          over: {
            caps: [],
            cpm: '1.00',
            budget: '1.00',
            flight: { start: '2020-01-01', end: '2020-02-01T00:00:00Z' },
          },
        },
        campaign: 'one',
        placements: { two: 'two', over: 'over' },
      }),
      route('money', {
        campaigns: { money: { caps: [], cpm: '2.00', budget: '1.00' } },
        events: { path: '/money/event', secrets: [SECRET] },
      }),
      route('raw', { campaigns: { raw: RAW } }),
      ...(redis === null
        ? []
        : [route('redis', { store: { kind: 'redis', url: redis.url }, campaigns: { redis: RAW } })]),
      ...['closed', 'open', '0.005 USD'].map((budgetsWithoutStore, at) =>
        route(`away${at}`, {
          store: { kind: 'redis', url: 'redis://127.0.0.1:9' },
          campaigns: { [`away${at}`]: { cpm: '2.00', budget: '1.00' } },
          budgetsWithoutStore,
        }),
      ),
      { match: { path: '/*' }, upstream: 'app' },
    ],
  } as Parameters<typeof GatewayProcess.start>[0])
})

afterAll(async () => {
  await gateway.close()
  await ads.close()
  await receiver.close()
  await redis?.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function ask(path: string, headers: Record<string, string> = {}, body?: object) {
  const response = await fetch(`http://127.0.0.1:${gateway.port}${path}`, {
    headers,
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  })
  return { status: response.status, result: response.headers.get('x-ad-result'), xml: await response.text() }
}

async function report(xml: string, event?: string): Promise<number> {
  const tracked =
    event === undefined ? null : new RegExp(`event="${event}"><!\\[CDATA\\[(.*?)\\]\\]>`).exec(xml)
  const url = tracked?.[1] ?? impressionsOf(xml).find((one) => one.includes('/event?t=')) ?? 'http://none/'
  const { pathname, search } = new URL(url)
  return (await ask(pathname + search)).status
}

describe('privacy of a route that serves ads', () => {
  it('ads.md §4.2 (5) [LIMITADTRACKING] is 1 where nobody said, and else what was said', async () => {
    await ask('/limited/vast')
    await ask('/limited/vast?lmt=0')
    await ask('/limited/vast?lmt=1')
    await ask('/limited/vast', {}, { device: { lmt: 0 } })
    expect(ads.at('/limited').map(({ query }) => query.get('lat'))).toEqual(['1', '0', '1', '0'])
  })

  it('B-39, F-28 sinks hear nothing of who may not be measured, neither when served nor when reported', async () => {
    const refused = await ask('/told/vast?gdpr=1')
    const open = await ask('/told/vast')
    expect([refused.result, open.result]).toEqual(['fill', 'fill'])
    expect([
      await report(refused.xml),
      await report(refused.xml, 'complete'),
      await report(open.xml),
    ]).toEqual([200, 200, 200])
    const told = (): RouteAdEvent[] =>
      receiver.at('/events').flatMap(({ body }) => JSON.parse(body) as RouteAdEvent[])
    await eventually('the last one', () => told().some(({ event_type }) => event_type === 'impression'))
    expect(told().map(({ event_type }) => event_type)).toEqual(['ad_served', 'impression'])
    expect(new Set(told().map(({ reservation_id }) => reservation_id)).size).toBe(1)
  })
})

const user = (id: string) => ({ cookie: `user_id=${id}` })

const resultsOf = async (paths: readonly string[], headers: Record<string, string> = {}) => {
  const results: (string | null)[] = []
  for (const path of paths) results.push((await ask(path, headers)).result)
  return results
}

describe('F-13 keys of a route without any secret', () => {
  it('ads.md §5.3 (7) no id of a user lies in the file of LMDB', async () => {
    expect(await resultsOf(['/raw/vast'], user(RAW_ID))).toEqual(['fill'])
    const file = readFileSync(join(folder, 'state', 'data.mdb'))
    expect([file.includes('freq:'), file.includes(RAW_ID)]).toEqual([true, false])
  })

  redisTest('ads.md §5.3 (7) nor in Redis, where every key has a TTL', async () => {
    expect(await resultsOf(['/redis/vast', '/redis/vast'], user(RAW_ID))).toEqual(['fill', 'fill'])
    const client = await redis?.client()
    const keys = (await client?.keys('*')) ?? []
    expect(keys.map((key) => key.replace(/[:].*/, '')).toSorted()).toEqual(['budget', 'done', 'done', 'freq'])
    expect(keys.filter((key) => key.includes(RAW_ID))).toEqual([])
    for (const key of keys) expect([key, Number(await client?.pTTL(key)) > 0]).toEqual([key, true])
  })
})

async function spentUsd(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`)).text()
  return Number(/^headgate_ad_spend_total\{currency="USD"\} (\S+)$/m.exec(text)?.[1] ?? 0)
}

describe('money of a route that serves ads', () => {
  it('F-31 price: bid charges what was bid, exactly, and a bid without room loses', async () => {
    const before = await spentUsd()
    expect(await resultsOf(['/bid/vast', '/bid/vast', '/bid/vast?cpm=0'])).toEqual(['fill', 'fill', 'budget'])
    await eventually('the notices', () => ads.at('/win/2.5USD').length + ads.at('/loss/2.5USD').length === 3)
    expect(ads.at('/loss/2.5USD')).toHaveLength(1)
    expect((await spentUsd()) - before).toBeCloseTo(0.005, 9)
  })

  it('F-06 a bid in another currency than the budget is a no-fill that says so', async () => {
    expect(await resultsOf(['/euros/vast'])).toEqual(['currency'])
    await eventually('the notice', () => ads.at('/loss/2.5EUR').length === 1)
  })

  it('C-09, F-12 while the store is away: closed, open, or an allowance for each campaign', async () => {
    const paths = [0, 1, 2].flatMap((at) => Array.from({ length: 3 }, () => `/away${at}/vast`))
    expect(await resultsOf(paths, user('a'))).toEqual([
      ...['budget', 'budget', 'budget'],
      ...['fill', 'fill', 'fill'],
      ...['fill', 'fill', 'budget'],
    ])
  })
})

describe('gauges of routes that serve ads', () => {
  it('C-25 tell of the money and the open reservations of each campaign, and of stores that are away', async () => {
    const reported = await ask('/money/vast')
    await ask('/money/vast')
    expect(await report(reported.xml)).toBe(200)
    let text = ''
    const has = (line: string): boolean => text.split('\n').includes(`headgate_${line}`)
    const labels = '{route="/money/*",campaign="money",currency="USD"}'
    await eventually('both have been seen', async () => {
      text = await (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`)).text()
      return has(`ad_budget_spent${labels} 0.002`) && has(`ad_budget_held${labels} 0.002`)
    })
    for (const line of [
      `ad_budget_limit${labels} 1`,
      `ad_budget_remaining${labels} 0.996`,
      `budget_spend_ratio${labels} 0.002`,
      `ad_reservations_open${labels} 1`,
      'store_degraded{store="lmdb"} 0',
      'store_degraded{store="redis"} 1',
    ])
      expect([line, has(line)]).toEqual([line, true])
    const decisions = (result: string): number =>
      Number(new RegExp(`^headgate_cap_decisions_total\\{result="${result}"\\} (\\S+)$`, 'm').exec(text)?.[1])
    expect(decisions('degraded')).toBe(9)
    expect(decisions('granted')).toBeGreaterThanOrEqual(9)
    // Those of /bid, /euros and the stores that are away.
    expect(decisions('over-budget')).toBe(6)
  })
})

describe('time and scopes of a route that serves ads', () => {
  it('F-08 what <Expires> says is held no longer, and late: never counts nothing afterwards', async () => {
    const first = await ask('/expires/vast', user('x'))
    expect(first.result).toBe('fill')
    expect(await resultsOf(['/expires/vast'], user('x'))).toEqual(['frequency-cap'])
    let next = first
    await eventually('its second is over', async () => {
      next = await ask('/expires/vast', user('x'))
      return next.result === 'fill'
    })
    expect([await report(first.xml), await report(next.xml)]).toEqual([200, 200])
    await gateway.log.until(({ msg, status }) => msg === 'Ad event' && status === 'refused')
    await gateway.log.until(
      ({ msg, status, campaign_id }) =>
        campaign_id === 'expires' && msg === 'Ad event' && status === 'counted',
    )
  })

  it('C-11, C-23 caps per advertiser, pod and stream; pod_id and stream_id say which', async () => {
    const paths = [
      '/scopes/vast?pod_id=p1&stream_id=s1',
      '/scopes/vast?pod_id=p1&stream_id=s2',
      '/scopes/vast?pod_id=p2&stream_id=s1',
      '/scopes/vast?placement_id=two',
      '/scopes/vast?placement_id=two',
    ]
    expect(await resultsOf(paths, user('y'))).toEqual([
      'fill',
      'frequency-cap',
      'frequency-cap',
      'fill',
      'frequency-cap',
    ])
  })

  it('F-46 a flight that is over spends nothing', async () => {
    expect(await resultsOf(['/scopes/vast?placement_id=over'])).toEqual(['pacing'])
  })
})
