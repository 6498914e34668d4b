import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RouteAdEvent } from '#src/ads/index.js'
import { AdServerUnderTest, EMPTY_VAST, impressionsOf, inlineVast } from '../support/ad-server.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess } from '../support/gateway.js'
import { hasRedis, RedisServer } from '../support/redis-server.js'

const SECRET = 'a secret of the tests, long enough to sign with'
const redisTest = hasRedis('events into a Redis stream') ? it : it.skip
const folder = mkdtempSync(join(tmpdir(), 'headgate-sources-'))
let ads: AdServerUnderTest
let redis: RedisServer | null = null
let gateway: GatewayProcess
let receiver: AdServerUnderTest

function bid(id: string, price: number, base: string): string {
  const notice = (kind: string): string => `${base}/${kind}/${id}?p=\${AUCTION_PRICE}`
  const one = { id: `b-${id}`, impid: '1', price, adid: id, adm: inlineVast(id, base) }
  const bids = [{ ...one, nurl: notice('win'), lurl: notice('loss') }]
  return JSON.stringify({ id: 'x', cur: 'USD', seatbid: [{ bid: bids }] })
}

function answer(path: string, body: string, base: string): string | null | Promise<string | null> {
  const [, kind = '', what = ''] = path.split('/')
  if (kind === 'bid') {
    const { id } = JSON.parse(body) as { id: string }
    return bid(what, Number(what), base).replace('"id":"x"', `"id":"${id}"`)
  }
  if (kind === 'inline') return inlineVast(what, base)
  if (kind === 'slow') return new Promise((resolve) => setTimeout(resolve, 5000, EMPTY_VAST).unref())
  return kind === 'broken' ? 'no XML at all' : EMPTY_VAST
}

beforeAll(async () => {
  ads = await AdServerUnderTest.start(({ path, body }, base) => answer(path, body, base))
  receiver = await AdServerUnderTest.start(() => null)
  redis = redisTest === it ? await RedisServer.start() : null
  const vast = (path: string, more: object = {}) => ({ vast: { url: `${ads.base}/${path}`, ...more } })
  const rtb = (cpm: string) => ({
    openrtb: { url: `${ads.base}/bid/${cpm}`, tmax: '2s', request: { imp: [{ id: '1', video: {} }] } },
  })
  const route = (name: string, more: object) => ({
    match: { path: `/${name}/*` },
    adserving: {
      store: { kind: 'lmdb', path: join(folder, 'state'), durability: 'process' },
      guard: { allow: ['127.0.0.0/8'], ports: [] },
      campaigns: { [name]: { caps: [], cpm: '2.00 EUR', budget: '1.00 EUR' } },
      // Also on a busy machine those who answer at once are in time.
      timeout: '2s',
      retries: 0,
      ...more,
    },
  })
  const sinks = [
    { kind: 'log' },
    { kind: 'http', url: `${receiver.base}/events`, headers: { 'x-key': 'k' } },
    { kind: 'http', url: 'http://127.0.0.1:9/gone' },
    ...(redis === null ? [] : [{ kind: 'redis', url: redis.url, stream: 'ads' }]),
  ]
  gateway = await GatewayProcess.start({
    workers: 1,
    admin: '127.0.0.1:0',
    upstreams: { app: { peers: [ads.base.slice(7)] } },
    routes: [
      route('bids', {
        strategy: 'parallel',
        sources: [
          { name: 'house', ...vast('inline/house', { forward: ['placement_id', 'size'] }) },
          { name: 'low', ...rtb('1.5') },
          { name: 'high', ...rtb('2.5') },
          { name: 'late', ...vast('slow') },
          { name: 'broken', ...vast('broken') },
        ],
      }),
      route('nobids', {
        strategy: 'parallel',
        sources: [vast('empty'), vast('inline/second', { serverSide: true })],
      }),
      route('nobody', { strategy: 'parallel', sources: [vast('broken'), vast('empty')] }),
      route('falls', {
        sources: [vast('broken'), vast('empty'), vast('inline/third'), vast('inline/fourth')],
      }),
      route('told', {
        ...vast('inline/told'),
        events: {
          path: '/told/event',
          secrets: [SECRET],
          sinks,
          queue: { capacity: 3, batch: 10, linger: '20ms' },
        },
      }),
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

async function ask(
  path: string,
  headers: Record<string, string> = {},
): Promise<{ result: string | null; xml: string }> {
  const response = await fetch(`http://127.0.0.1:${gateway.port}${path}`, { headers })
  return { result: response.headers.get('x-ad-result'), xml: await response.text() }
}

const adOf = (xml: string): string => /<Ad id="([^"]*)"/.exec(xml)?.[1] ?? ''

describe('several sources', () => {
  it('B-55, B-56, ads.md §5.1 (7, 8) parallel: the highest bid of those who answered in time wins, and the loser is told', async () => {
    const at = ads.seen.length
    const { result, xml } = await ask('/bids/vast?placement_id=p1&size=9')
    expect([result, adOf(xml)]).toEqual(['fill', '2.5'])
    const seen = ads.seen.slice(at)
    const correlators = new Set(
      seen
        .filter(({ path }) => /^.(bid|inline|slow|broken)/.test(path))
        .map(({ headers }) => headers['x-correlator']),
    )
    expect(correlators.size).toBe(1)
    await eventually('both notices', () => ads.at('/win/2.5').length + ads.at('/loss/1.5').length === 2)
    expect(ads.at('/win/1.5')).toEqual([])
    // Each source is told what is its own.
    const house = seen.find(({ path }) => path === '/inline/house')
    const late = seen.find(({ path }) => path === '/slow')
    expect([house?.query.get('size'), late?.query.get('size')]).toEqual(['9', null])
    const [line] = await gateway.log.until(({ source }) => source === 'high')
    expect(line).toMatchObject({ msg: 'Ad request succeeded', source: 'high', ad_id: '2.5' })
  })

  it('B-56 parallel without bids: the first in order that has an ad; without any, what was no failure is the reason', async () => {
    const { result, xml } = await ask('/nobids/vast', { 'user-agent': 'Player/3' })
    expect([result, adOf(xml)]).toEqual(['fill', 'second'])
    expect(ads.at('/inline/second')[0]?.headers['x-device-user-agent']).toBe('Player/3')
    expect(ads.at('/empty')[0]?.headers).not.toHaveProperty('x-device-user-agent')
    expect((await ask('/nobody/vast')).result).toBe('no-ad')
  })

  it('C-24 waterfall: one after the other until one has an ad, behind it nobody is asked', async () => {
    const { result, xml } = await ask('/falls/vast')
    expect([result, adOf(xml)]).toEqual(['fill', 'third'])
    expect(ads.at('/inline/fourth')).toEqual([])
    await gateway.log.until(({ source }) => source === 'source-3')
  })
})

describe('sinks of events', () => {
  const told = (): RouteAdEvent[] =>
    receiver.at('/events').flatMap(({ body }) => JSON.parse(body) as RouteAdEvent[])

  it('B-57, B-58, B-34, F-27 are told what was served and what was reported, and a sink that is away is in nobody’s way', async () => {
    const { result, xml } = await ask('/told/vast?placement_id=p9', { cookie: 'user_id=alice' })
    expect(result).toBe('fill')
    const own = impressionsOf(xml).find((url) => url.includes('/told/event')) ?? ''
    const { pathname, search } = new URL(own)
    for (let time = 0; time < 2; time += 1) await ask(pathname + search)
    await eventually('both events', () => told().length === 2)
    const [served, impression] = told()
    expect(served).toMatchObject({
      event_type: 'ad_served',
      campaign_id: 'told',
      placement_id: 'p9',
      ad_id: 'told',
      correlator: ads.at('/inline/told')[0]?.headers['x-correlator'],
      request_id: expect.stringMatching(/./),
      user_hash: expect.stringMatching(/^[0-9a-f]{32}$/),
    })
    expect(impression).toMatchObject({ event_type: 'impression', status: 'counted', charged: '0.002 EUR' })
    expect(impression?.reservation_id).toBe(served?.reservation_id)
    expect(receiver.at('/events')[0]?.headers['x-key']).toBe('k')
    expect(JSON.stringify(told())).not.toContain('alice')
    await gateway.log.until(({ msg }) => msg === 'Ad event: ad_served')
    expect(JSON.stringify(gateway.log.lines)).not.toContain('alice')
  })

  redisTest('F-27 stand in a Redis stream, one entry each', async () => {
    const client = await redis?.client()
    await eventually('two entries', async () => (await client?.xLen('ads')) === 2)
    const entries = (await client?.xRange('ads', '-', '+')) ?? []
    expect(entries.map(({ message }) => message['event_type'])).toEqual(['ad_served', 'impression'])
  })

  it('C-25, F-27 more than a queue holds is dropped and counted, and money is told by currency', async () => {
    for (let time = 0; time < 8; time += 1) await ask('/told/vast')
    await eventually('it is counted', async () => {
      const text = await (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`)).text()
      const value = (result: string): number =>
        Number(
          new RegExp(`^headgate_ad_sink_events_total\\{result="${result}"\\} (\\S+)$`, 'm').exec(text)?.[1],
        )
      expect(text).toMatch(/^headgate_ad_spend_total\{currency="EUR"\} /m)
      expect(text).not.toMatch(/^headgate_ad_spend_total\{currency="USD"\}/m)
      return value('dropped') >= 5 && value('delivered') >= 20 && value('failures') >= 1
    })
  })
})
