import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AdServerUnderTest, EMPTY_VAST, impressionsOf, inlineVast, wrapperTo } from '../support/ad-server.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess } from '../support/gateway.js'

const SECRET = 'a secret of the tests, long enough to sign with'
const folder = mkdtempSync(join(tmpdir(), 'headgate-ads-'))
let ads: AdServerUnderTest
let gateway: GatewayProcess
let adminPort = 0

/** `/chain/3`: three wrappers, then an ad. */
function documents(path: string, base: string): string | null | Promise<string | null> {
  const [, kind = '', count = ''] = path.split('/')
  switch (kind) {
    case 'inline':
      return inlineVast('ad-1', base)
    case 'chain':
      return count === '0'
        ? inlineVast('inline', base)
        : wrapperTo(`${base}/chain/${Number(count) - 1}`, `w${count}`, base)
    case 'loop':
      return wrapperTo(`${base}/loop/${count === 'a' ? 'b' : 'a'}`, `loop-${count}`, base)
    case 'slow-wrapper':
      return wrapperTo(`${base}/slow`, 'slow', base)
    case 'slow':
      return new Promise((resolve) => setTimeout(resolve, 3000, EMPTY_VAST).unref())
    case 'private':
      return wrapperTo('http://169.254.169.254/latest/meta-data', 'private', base)
    case 'broken':
      return 'no XML at all'
    default:
      return EMPTY_VAST
  }
}

beforeAll(async () => {
  ads = await AdServerUnderTest.start(({ path, body }, base) => {
    if (path !== '/bid') return documents(path, base)
    const { id } = JSON.parse(body) as { id: string }
    const bid = {
      id: 'b1',
      impid: '1',
      price: 2.5,
      adid: 'bid-ad',
      adm: inlineVast('bid-ad', base),
      nurl: `${base}/win?p=\${AUCTION_PRICE}`,
      burl: `${base}/bill?p=\${AUCTION_PRICE}`,
    }
    return JSON.stringify({ id, cur: 'USD', seatbid: [{ bid: [bid] }] })
  })
  const shared = {
    store: { kind: 'lmdb', path: join(folder, 'state'), durability: 'process' },
    guard: { allow: ['127.0.0.0/8'], ports: [] },
  } as const
  const route = (name: string, vast: object, more: object = {}) => ({
    match: { path: `/${name}/*` },
    adserving: {
      ...shared,
      vast: { url: `${ads.base}/inline`, ...vast },
      campaigns: { [name]: {} },
      ...more,
    },
  })
  const events = (name: string) => ({ events: { path: `/${name}/event`, secrets: [SECRET] } })
  gateway = await GatewayProcess.start({
    workers: 2,
    admin: '127.0.0.1:0',
    upstreams: { app: { peers: [ads.base.slice(7)] } },
    routes: [
      route('plain', { url: `${ads.base}/inline?cb=[CACHEBUSTING]&ifa=[IFA]&x=[CORRELATOR]&ua=[DEVICEUA]` }),
      route('chain5', { url: `${ads.base}/chain/5` }),
      route('chain6', { url: `${ads.base}/chain/6` }),
      route('loop', { url: `${ads.base}/loop/a` }),
      route('slow', { url: `${ads.base}/slow-wrapper`, hopTimeout: '200ms' }, { timeout: '1s', retries: 0 }),
      route('late', { url: `${ads.base}/slow` }, { timeout: '250ms', retries: 0 }),
      route('private', { url: `${ads.base}/private` }),
      route('broken', { url: `${ads.base}/broken` }, { noFill: { status: '204' } }),
      route(
        'empty',
        { url: `${ads.base}/empty` },
        { noFill: { errors: ['http://e.example/x?c=[ERRORCODE]'] } },
      ),
      route(
        'capped',
        { url: `${ads.base}/inline/capped` },
        {
          campaigns: { capped: { caps: [{ max: 3, every: '1h' }], cpm: '2.00', budget: '1.00' } },
          ...events('capped'),
        },
      ),
      route(
        'held',
        { url: `${ads.base}/inline/held` },
        {
          campaigns: { held: { caps: [{ max: 1, every: '1h' }] } },
          events: { path: '/held/event', secrets: [SECRET], hold: '1s', origin: 'https://ads.example.com' },
        },
      ),
      route('budget', {}, { campaigns: { budget: { caps: [], cpm: '2.00', budget: '1.00' } } }),
      route('device', { url: `${ads.base}/chain/1`, serverSide: true }),
      route('gone', { url: 'http://127.0.0.1:9/vast' }, { retries: 0 }),
      route('strict', {}, { consent: { require: true } }),
      route(
        'signed',
        {},
        { user: { secrets: [SECRET] }, campaigns: { signed: { caps: [{ max: 1, every: '1h' }] } } },
      ),
      {
        match: { path: '/rtb/*' },
        adserving: {
          ...shared,
          openrtb: { url: `${ads.base}/bid`, tmax: '2s', request: { imp: [{ id: '1', video: {} }] } },
          ...events('rtb'),
        },
      },
      { match: { path: '/*' }, upstream: 'app' },
    ],
  } as Parameters<typeof GatewayProcess.start>[0])
  const [line] = gateway.log.having((it) => it['start'] !== undefined)
  const { admin } = (line?.['start'] ?? { admin: '' }) as { admin: string }
  adminPort = Number(new URL(admin).port)
})

afterAll(async () => {
  await gateway.close()
  await ads.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Answer {
  readonly status: number
  readonly result: string | null
  readonly xml: string
  readonly headers: Headers
}

async function ask(path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${gateway.port}${path}`, { headers })
  return {
    status: response.status,
    result: response.headers.get('x-ad-result'),
    xml: await response.text(),
    headers: response.headers,
  }
}

/** Reports an event as a player would. */
async function fire(url: string): Promise<number> {
  const { pathname, search } = new URL(url)
  return (await ask(pathname + search)).status
}

const ownImpression = (xml: string): string =>
  impressionsOf(xml).find((url) => url.includes('/event?t=')) ?? 'none'

const user = (id: string) => ({ cookie: `user_id=${id}` })

describe('a route that serves ads', () => {
  it('B-22, B-31, B-32, B-35, B-59 asks the ad server with macros filled in and the ids of the session, and hands its VAST on', async () => {
    const answer = await ask('/plain/vast?placement_id=pre&secret=x&ifa=device-7', {
      'user-agent': 'Player/1',
      origin: 'https://site.example',
    })
    expect([answer.status, answer.result]).toEqual([200, 'fill'])
    expect(answer.headers.get('content-type')).toBe('application/xml; charset=utf-8')
    expect(answer.headers.get('cache-control')).toBe('private, no-store')
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://site.example')
    expect(impressionsOf(answer.xml)).toEqual([`${ads.base}/imp/ad-1`])
    const [seen] = ads.at('/inline')
    expect(Object.fromEntries(seen?.query ?? [])).toEqual({
      cb: expect.stringMatching(/^\d{8}$/),
      ifa: 'device-7',
      x: seen?.headers['x-correlator'],
      ua: 'Player/1',
      placement_id: 'pre',
    })
    const requestId = answer.headers.get('x-request-id')
    const [started, succeeded] = await gateway.log.until((line) => line['request_id'] === requestId, 2)
    const { level: _level, time: _time, pid: _pid, worker: _worker, ...own } = started ?? {}
    expect(own).toEqual({
      msg: 'Ad request started',
      request_id: requestId,
      correlator: seen?.headers['x-correlator'],
      placement_id: 'pre',
    })
    expect(succeeded).toMatchObject({ msg: 'Ad request succeeded', ad_id: 'ad-1', placement_id: 'pre' })
    expect(succeeded?.['correlator']).toBe(seen?.headers['x-correlator'])
  })

  it('ads.md §5.3 (1) five wrappers: filled, with the impressions of all six documents in wrapper order; C-21 one correlator', async () => {
    const { result, xml } = await ask('/chain5/vast')
    expect(result).toBe('fill')
    expect(impressionsOf(xml)).toEqual(
      ['w5', 'w4', 'w3', 'w2', 'w1', 'inline'].map((id) => `${ads.base}/imp/${id}`),
    )
    const hops = [5, 4, 3, 2, 1, 0].flatMap((hop) => ads.at(`/chain/${hop}`))
    expect(new Set(hops.map((hop) => hop.headers['x-correlator'])).size).toBe(1)
  })

  it('ads.md §5.3 (1) six wrappers: no ad, and 302 to the error URLs', async () => {
    const { status, result, xml } = await ask('/chain6/vast')
    expect([status, result]).toEqual([200, 'error'])
    expect(impressionsOf(xml)).toEqual([])
    await eventually('error pixels', () => ads.seen.some(({ url }) => url === '/err/w6?c=302'))
  })

  it('ads.md §5.3 (2) a loop ends at once with 300', async () => {
    const startMs = performance.now()
    expect((await ask('/loop/vast')).result).toBe('error')
    expect(performance.now() - startMs).toBeLessThan(3000)
    await eventually('error pixels', () => ads.seen.some(({ url }) => url === '/err/loop-a?c=300'))
  })

  it('ads.md §5.3 (3) a hop slower than its limit gives 301; a slow ad server costs no more than the deadline', async () => {
    expect((await ask('/slow/vast')).result).toBe('timeout')
    await eventually('error pixels', () => ads.seen.some(({ url }) => url === '/err/slow?c=301'))
    const startMs = performance.now()
    expect((await ask('/late/vast')).result).toBe('timeout')
    expect(performance.now() - startMs).toBeLessThan(2500)
  })

  it('F-38, C-16 does not follow a wrapper into the private network', async () => {
    expect((await ask('/private/vast')).result).toBe('error')
    await eventually('error pixels', () => ads.seen.some(({ url }) => url === '/err/private?c=300'))
  })

  it('C-04, ads.md §5.1 (2) no ad is an answer: an empty document with 200, or 204', async () => {
    const empty = await ask('/empty/vast')
    expect([empty.status, empty.result]).toEqual([200, 'no-ad'])
    expect(empty.xml).toContain('<Error><![CDATA[http://e.example/x?c=[ERRORCODE]]]></Error>')
    const broken = await ask('/broken/vast')
    expect([broken.status, broken.result, broken.xml]).toEqual([204, 'error', ''])
  })

  it('B-44, B-51, ads.md §5.3 (5) three reported impressions: the fourth request has no ad, and asks nobody', async () => {
    for (let i = 0; i < 3; i += 1) {
      const { result, xml } = await ask('/capped/vast', user('alice'))
      expect(result).toBe('fill')
      const url = ownImpression(xml)
      expect(url.startsWith(`http://127.0.0.1:${gateway.port}/capped/event?t=`)).toBe(true)
      expect(url).not.toContain('alice')
      expect([await fire(url), await fire(url)]).toEqual([200, 200])
    }
    const asked = ads.at('/inline/capped').length
    expect((await ask('/capped/vast', user('alice'))).result).toBe('frequency-cap')
    expect(ads.at('/inline/capped')).toHaveLength(asked)
    expect((await ask('/capped/vast', user('bob'))).result).toBe('fill')
    // F-31: what a player says of campaign and price changes nothing.
    expect((await ask('/capped/vast?campaign_id=other&cpm=0', user('alice'))).result).toBe('frequency-cap')
  })

  it('F-08, ads.md §5.3 (5) a reservation that was never reported is free again, one that was not used at once', async () => {
    const served = await ask('/held/vast', user('carol'))
    expect(served.result).toBe('fill')
    expect(ownImpression(served.xml)).toMatch(/^https:\/\/ads\.example\.com\/held\/event\?t=/)
    expect((await ask('/held/vast', user('carol'))).result).toBe('frequency-cap')
    const notUsed = /event="notUsed"><!\[CDATA\[(.*?)\]\]>/.exec(served.xml)?.[1] ?? ''
    expect(await fire(notUsed)).toBe(200)
    expect((await ask('/held/vast', user('carol'))).result).toBe('fill')
    await eventually(
      'the reservation has run out',
      async () => (await ask('/held/vast', user('carol'))).result === 'fill',
    )
  })

  it('refuses events that are not genuine', async () => {
    const { xml } = await ask('/capped/vast', user('dave'))
    const url = ownImpression(xml)
    expect(await fire(`${url.slice(0, -3)}AAA`)).toBe(400)
    expect((await ask('/capped/event')).status).toBe(400)
  })

  it('C-08, F-55, ads.md §5.3 (6) a budget of 1.00 at a CPM of 2.00 is exactly 500 impressions over all workers', async () => {
    const results: (string | null)[] = []
    let left = 560
    const client = async (): Promise<void> => {
      while (left > 0) {
        left -= 1
        results.push((await ask('/budget/vast')).result)
      }
    }
    await Promise.all(Array.from({ length: 16 }, client))
    expect(results.filter((result) => result === 'fill')).toHaveLength(500)
    expect(results.filter((result) => result === 'budget')).toHaveLength(60)
  })

  it('F-28, ads.md §5.3 (7) with gdpr=1 and no string no id leaves the gateway, and [IFA] is withheld', async () => {
    const at = ads.seen.length
    const { result, headers } = await ask('/plain/vast?gdpr=1&ifa=secret-ifa', user('secret-user'))
    expect(result).toBe('fill')
    const [seen] = ads.seen.slice(at)
    expect(seen?.query.get('ifa')).toBe('-2')
    expect(seen?.query.get('gdpr')).toBe('1')
    const everything = JSON.stringify([seen?.url, seen?.headers])
    expect(everything).not.toMatch(/secret-(ifa|user)/)
    const requestId = headers.get('x-request-id')
    await gateway.log.until((line) => line['request_id'] === requestId)
    const lines = gateway.log.having((line) => line['request_id'] === requestId)
    expect(JSON.stringify(lines)).not.toMatch(/secret-(ifa|user)/)
    expect((await ask('/strict/vast?gdpr=1')).result).toBe('consent')
  })

  it('ads.md §5.3 (8) Sec-GPC with us_privacy=1YNN is an opt-out', async () => {
    const at = ads.seen.length
    await ask('/plain/vast?us_privacy=1YNN&ifa=i1', { 'sec-gpc': '1' })
    await ask('/plain/vast?us_privacy=1YNN&ifa=i1')
    const [out, not] = ads.seen.slice(at)
    expect([out?.query.get('ifa'), not?.query.get('ifa')]).toEqual(['-2', 'i1'])
    expect(out?.query.get('us_privacy')).toBe('1YNN')
  })

  it('ads.md §5.3 (10) asks on behalf of the device on every hop where so configured, and else not', async () => {
    const at = ads.seen.length
    await ask('/device/vast', { 'user-agent': 'Player/2', 'accept-language': 'de' })
    await ask('/plain/vast', { 'user-agent': 'Player/2' })
    const [first, second, plain] = ads.seen.slice(at)
    for (const hop of [first, second]) {
      expect(hop?.headers).toMatchObject({
        'x-device-ip': '127.0.0.1',
        'x-device-user-agent': 'Player/2',
        'x-device-accept-language': 'de',
      })
    }
    expect(plain?.headers).not.toHaveProperty('x-device-ip')
  })

  it("F-30 an id that is not signed is nobody's: the cap of another user is not touched", async () => {
    for (let i = 0; i < 2; i += 1) expect((await ask('/signed/vast', user('eve'))).result).toBe('fill')
  })

  it('ads.md §5.1 (8) a bidder: the win notice at once, the billing notice as an impression of the VAST', async () => {
    const { result, xml } = await ask('/rtb/vast')
    expect(result).toBe('fill')
    const impressions = impressionsOf(xml)
    expect(impressions).toContain(`${ads.base}/bill?p=2.5`)
    expect(impressions.filter((url) => url.includes('/rtb/event?t='))).toHaveLength(1)
    await eventually('the win notice', () => ads.seen.some(({ url }) => url === '/win?p=2.5'))
    expect(ads.at('/bid')[0]?.headers['x-openrtb-version']).toBe('2.6')
  })

  it('F-36 all workers leave a source alone together: its breaker opens once', async () => {
    await Promise.all(Array.from({ length: 60 }, () => ask('/gone/vast')))
    const failed = await gateway.log.until(
      ({ campaign_id: id, err }) => id === 'gone' && err !== undefined,
      60,
    )
    expect(new Set(failed.map(({ worker }) => worker)).size).toBe(2)
    expect(
      gateway.log.having(({ msg, to }) => msg?.startsWith('Circuit breaker') === true && to === 'open'),
    ).toHaveLength(1)
  })

  it('answers the preflight of browsers, and refuses other methods', async () => {
    const url = `http://127.0.0.1:${gateway.port}/plain/vast`
    const preflight = await fetch(url, { method: 'OPTIONS', headers: { origin: 'https://s.example' } })
    expect([preflight.status, preflight.headers.get('access-control-allow-methods')]).toEqual([
      204,
      'GET, POST',
    ])
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(405)
  })

  it('C-25 counts fills, no-fills, events, reservations and spend in its metrics', async () => {
    const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()
    const value = (name: string): number =>
      Number(new RegExp(`^headgate_${name.replace(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1])
    expect(value('ad_requests_total')).toBeGreaterThan(560)
    expect(value('ad_no_fills_total{reason="budget"}')).toBe(60)
    expect(value('ad_no_fills_total{reason="frequency-cap"}')).toBeGreaterThanOrEqual(3)
    expect(value('ad_events_total{status="counted"}')).toBeGreaterThanOrEqual(3)
    expect(value('ad_events_total{status="duplicate"}')).toBeGreaterThanOrEqual(3)
    expect(value('ad_events_total{status="invalid"}')).toBe(2)
    expect(value('ad_reservations_total')).toBeGreaterThanOrEqual(500)
    expect(value('ad_reservations_released_total')).toBeGreaterThanOrEqual(1)
    expect(value('ad_spend_total{currency="USD"}')).toBeCloseTo(1.006, 6)
  })
})
