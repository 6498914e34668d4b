import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { VAST_MACROS } from '#src/ads/index.js'
import { DEFAULT_QUERY_MACROS, QUERY_MACROS } from '#src/config/query-macros.js'
import { AdServerUnderTest, impressionsOf, type SeenAdRequest, wrapperTo } from '../support/ad-server.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess } from '../support/gateway.js'

interface Row {
  readonly name: string
  readonly value: string | number | (string | number)[]
  readonly request?: readonly [string, string, string]
  readonly tracking?: readonly [string, string, string]
}

const ROWS: Row[] = JSON.parse(
  readFileSync(new URL('../fixtures/ads/macros/golden.json', import.meta.url), 'utf8'),
)
const ALL = [...VAST_MACROS.keys()].map((name) => `m.${name}=[${name}]`).join('&')
const SECRET = 'a secret of the tests, long enough to sign with'
const folder = mkdtempSync(join(tmpdir(), 'headgate-pods-'))
let ads: AdServerUnderTest
let gateway: GatewayProcess

interface Spec {
  readonly id: string
  readonly sequence?: number
  readonly adType?: string
  readonly seconds?: number
  readonly type?: string
  readonly width?: number
  readonly servingId?: string
  readonly category?: string
  readonly impressions?: readonly string[]
}

function ad(spec: Spec, base: string): string {
  const { id, sequence, adType, seconds = 5, type = 'video/mp4', width = 640, servingId, category } = spec
  const { impressions = [`${base}/imp/${id}`] } = spec
  const attributes = `${sequence === undefined ? '' : ` sequence="${sequence}"`}${adType === undefined ? '' : ` adType="${adType}"`}`
  return `<Ad id="${id}"${attributes}><InLine><AdSystem>t</AdSystem><AdTitle>t</AdTitle>
    ${servingId === undefined ? '' : `<AdServingId>${servingId}</AdServingId>`}
    ${category === undefined ? '' : `<Category authority="iabtechlab.com">${category}</Category>`}
    ${impressions.map((url) => `<Impression><![CDATA[${url}]]></Impression>`).join('')}
    <Error><![CDATA[${base}/err/${id}?c=[ERRORCODE]&pod=[PODSEQUENCE]&s=[ADSERVINGID]&u=[UNIVERSALADID]]]></Error>
    <Creatives><Creative><UniversalAdId idRegistry="ad-id.org">CNPA0484000H</UniversalAdId>
    <Linear><Duration>00:00:${String(seconds).padStart(2, '0')}</Duration><TrackingEvents>
    <Tracking event="start"><![CDATA[${base}/start/${id}?at=[ADPLAYHEAD]&id=[ADSERVINGID]]]></Tracking>
    </TrackingEvents><MediaFiles>
    <MediaFile delivery="progressive" type="${type}" width="${width}" height="360"><![CDATA[${base}/v.mp4]]></MediaFile>
    </MediaFiles></Linear></Creative></Creatives></InLine></Ad>`
}

const vast = (...parts: string[]): string => `<VAST version="4.2">${parts.join('')}</VAST>`

const BANNER =
  '<NonLinearAds><NonLinear width="9" height="9"><StaticResource>http://x.example/i.png</StaticResource></NonLinear></NonLinearAds>'

const POD: readonly Spec[] = [
  { id: 'p1', sequence: 1, servingId: 'same' },
  { id: 'p2', sequence: 2, servingId: 'same' },
  { id: 'p3', sequence: 3 },
]

function answer(path: string, base: string): string | null {
  const [, kind = '', which = ''] = path.split('/')
  if (kind !== 'doc') return null
  switch (which) {
    case 'pod':
      return vast(...POD.map((one) => ad(one, base)), ad({ id: 'spare' }, base))
    case 'golden':
      return vast(
        ad(
          {
            id: 'g1',
            sequence: 1,
            adType: 'hybrid',
            servingId: 'Server-1',
            impressions: [`${base}/imp/g1?${ALL}`],
          },
          base,
        ),
      )
    case 'wrapped':
      return wrapperTo(`${base}/doc/three`, 'outer', base)
    case 'three':
      return vast(
        ad({ id: 'in', impressions: ['a', 'b'].map((one) => `${base}/imp/${one}?ip=[DEVICEIP]`) }, base),
      )
    case 'private':
      return vast(
        ad({ id: 'secret', impressions: ['http://169.254.169.254/latest', `${base}/imp/open`] }, base),
      )
    case 'misfits':
      return vast(
        ad({ id: 'audio', sequence: 1, adType: 'audio', category: 'IAB1' }, base),
        ad({ id: 'long', sequence: 2, seconds: 40, category: 'IAB1' }, base),
        ad({ id: 'large', sequence: 3, width: 4000, category: 'IAB1' }, base),
        ad({ id: 'ogg', sequence: 4, type: 'video/ogg', category: 'IAB1' }, base),
        ad({ id: 'nocat', sequence: 5 }, base),
        ad({ id: 'fits', sequence: 6, category: 'IAB1', seconds: 15, servingId: 'S-6' }, base),
        ad({ id: 'second', sequence: 7, category: 'IAB1', seconds: 15 }, base),
        ad({ id: 'over', sequence: 8, category: 'IAB1', seconds: 15 }, base),
        ad({ id: 'flat', sequence: 9, category: 'IAB1' }, base).replace(/<Linear>[\s\S]*<\/Linear>/, BANNER),
      )
    default:
      return vast(ad({ id: which }, base))
  }
}

beforeAll(async () => {
  ads = await AdServerUnderTest.start(({ path }, base) => answer(path, base))
  const route = (name: string, doc: string, more: object = {}) => ({
    match: { path: `/${name}/*` },
    adserving: {
      vast: { url: `${ads.base}/doc/${doc}` },
      store: { kind: 'lmdb', path: join(folder, 'state'), durability: 'process' },
      guard: { allow: ['127.0.0.0/8'], ports: [] },
      campaigns: { [name]: { caps: [] } },
      ...more,
    },
  })
  const events = (name: string) => ({ events: { path: `/${name}/event`, secrets: [SECRET] } })
  const two = { caps: [], cpm: '2.00', budget: '0.004' }
  gateway = await GatewayProcess.start({
    workers: 2,
    admin: '127.0.0.1:0',
    upstreams: { app: { peers: [ads.base.slice(7)] } },
    routes: [
      route('pod', 'pod', { campaigns: { pod: two }, ...events('pod') }),
      route('served', 'pod', { campaigns: { served: two } }),
      route('capped', 'pod', {
        campaigns: { capped: { caps: [{ max: 2, every: '1h' }] } },
        ...events('capped'),
      }),
      route('per-ad', 'pod', {
        campaigns: { 'per-ad': { caps: [{ max: 1, every: '1h', per: ['user', 'ad'] }] } },
        slot: { maxAds: 2 },
      }),
      route('misfits', 'misfits', {
        slot: {
          adType: 'video',
          linearity: 'linear',
          maxAdDuration: '30s',
          maxDuration: '30s',
          maxWidth: 1920,
          mediaTypes: ['video/mp4'],
          requireCategory: true,
        },
      }),
      route('golden', 'golden', { vast: { url: `${ads.base}/doc/golden?${ALL}` }, beacons: { at: 'fill' } }),
      route('mapped', 'plain', {
        vast: { url: `${ads.base}/doc/mapped?size=[PLAYERSIZE]&id=[CONTENTID]` },
        macros: { fromQuery: { wh: 'PLAYERSIZE' } },
      }),
      route('event', 'wrapped', {
        beacons: { at: 'event' },
        campaigns: { event: { caps: [{ max: 9, every: '1h' }] } },
        ...events('event'),
      }),
      route('private', 'private', { beacons: { at: 'fill' } }),
      route('few', 'three', { beacons: { at: 'fill', maxConcurrent: 1, maxQueued: 0 } }),
      route('player', 'wrapped'),
      { match: { path: '/*' }, upstream: 'app' },
    ],
  } as Parameters<typeof GatewayProcess.start>[0])
})

afterAll(async () => {
  await gateway.close()
  await ads.close()
  rmSync(folder, { recursive: true, force: true })
})

async function ask(path: string, headers: Record<string, string> = {}) {
  const response = await fetch(`http://127.0.0.1:${gateway.port}${path}`, { headers })
  return {
    status: response.status,
    result: response.headers.get('x-ad-result'),
    xml: await response.text(),
  }
}

const adsIn = (xml: string): string[] => [...xml.matchAll(/<Ad id="([^"]*)"/g)].map(([, id = '']) => id)

/** Reports an event as a player would, its macros filled in by `fill`. */
async function fire(url: string, fill: (url: string) => string = (it) => it): Promise<number> {
  const { pathname, search } = new URL(fill(url))
  return (await ask(pathname + search, { 'user-agent': 'Player/9', 'accept-language': 'de' })).status
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`)).text()
  const line = text.split('\n').find((it) => it.startsWith(`headgate_${name} `))
  return Number(line?.split(' ')[1] ?? 0)
}

/** Values of `m.NAME`, encoded as they came. */
function rawMacros(seen: SeenAdRequest | undefined): Map<string, string> {
  const pairs = (seen?.url.split('?')[1] ?? '').split('&').filter((pair) => pair.startsWith('m.'))
  return new Map(pairs.map((pair) => [pair.slice(2, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
}

const own = (xml: string): string[] => impressionsOf(xml).filter((url) => url.includes('/event?'))

describe('pods', () => {
  it('F-08, C-12 a pod of three with a budget for two delivers two and charges two', async () => {
    const before = await metric('ad_spend_total{currency="USD"}')
    const { result, xml } = await ask('/pod/vast')
    expect([result, adsIn(xml)]).toEqual(['fill', ['p1', 'p2']])
    const urls = own(xml)
    expect(new Set(urls).size).toBe(2)
    await eventually('206 for the third', () => ads.at('/err/p3').length === 1)
    expect(ads.at('/err/p3')[0]?.url).toMatch(
      /^\/err\/p3\?c=206&pod=3&s=headgate-[0-9a-f-]{36}&u=ad-id\.org%20CNPA0484000H$/,
    )
    for (const url of [...urls, ...urls]) expect(await fire(url)).toBe(200)
    expect(await metric('ad_spend_total{currency="USD"}')).toBeCloseTo(before + 0.004, 9)
    expect((await ask('/pod/vast')).result).toBe('budget')
  })

  it('C-12 what a pod does not use is free again: notUsed gives back the place of its own ad alone', async () => {
    const cookie = { cookie: 'user_id=alice' }
    const first = await ask('/capped/vast', cookie)
    expect(adsIn(first.xml)).toEqual(['p1', 'p2'])
    expect((await ask('/capped/vast', cookie)).result).toBe('frequency-cap')
    const notUsed = [...first.xml.matchAll(/event="notUsed"><!\[CDATA\[(.*?)\]\]>/g)].map(
      ([, url = '']) => url,
    )
    expect(notUsed).toHaveLength(2)
    expect(await fire(notUsed[1] ?? '')).toBe(200)
    expect(adsIn((await ask('/capped/vast', cookie)).xml)).toEqual(['p1'])
  })

  it('F-08 without events each ad that is handed on counts and costs', async () => {
    const before = await metric('ad_spend_total{currency="USD"}')
    expect(adsIn((await ask('/served/vast')).xml)).toEqual(['p1', 'p2'])
    expect((await ask('/served/vast')).result).toBe('budget')
    expect(await metric('ad_spend_total{currency="USD"}')).toBeCloseTo(before + 0.004, 9)
  })

  it('C-11, C-12 an ad over a cap of its own is left out, the others stay; slot.maxAds bounds the pod', async () => {
    const cookie = { cookie: 'user_id=bob' }
    expect(adsIn((await ask('/per-ad/vast', cookie)).xml)).toEqual(['p1', 'p2'])
    expect((await ask('/per-ad/vast', cookie)).result).toBe('frequency-cap')
  })

  it('ads.md §5.1 (10) each ad of a pod has an AdServingId of its own; what the ad server gave stays where it is the first', async () => {
    const { xml } = await ask('/per-ad/vast', { cookie: 'user_id=carol' })
    const ids = [...xml.matchAll(/<AdServingId>(?:<!\[CDATA\[)?(.*?)(?:\]\]>)?<\/AdServingId>/g)].map(
      ([, id = '']) => id,
    )
    expect(ids).toEqual(['same', expect.stringMatching(/^headgate-[0-9a-f-]{36}$/)])
  })

  it('ads.md §5.2 200 to 204, 206 and 403: what does not fit is left out, and its error URL says why', async () => {
    const { result, xml } = await ask('/misfits/vast')
    expect([result, adsIn(xml)]).toEqual(['fill', ['fits', 'second']])
    const codes = { audio: 200, flat: 201, long: 202, large: 203, nocat: 204, over: 206, ogg: 403 }
    const got = (): Record<string, number> =>
      Object.fromEntries(
        Object.keys(codes).map((id) => [id, Number(ads.at(`/err/${id}`)[0]?.query.get('c') ?? 0)]),
      )
    await eventually('all codes', () => Object.values(got()).every((code) => code > 0))
    expect(got()).toEqual(codes)
    expect(ads.at('/err/over')[0]?.query.get('pod')).toBe('8')
    expect(ads.at('/err/over')[0]?.query.get('u')).toBe('ad-id.org CNPA0484000H')
  })
})

describe('macros of the route', () => {
  const golden = (): SeenAdRequest | undefined => ads.at('/doc/golden').at(-1)
  const queryOf = (write: (row: Row) => string): string =>
    ROWS.filter(({ name }) => QUERY_MACROS.includes(name as never))
      .map((row) => `${row.name.toLowerCase()}=${encodeURIComponent(write(row))}`)
      .join('&')
  const askAndSee = async (query: string) => {
    const before = ads.at('/imp/g1').length
    expect((await ask(`/golden/vast?${query}`, { 'user-agent': 'Player/1' })).result).toBe('fill')
    await eventually('the impression', () => ads.at('/imp/g1').length > before)
    return { request: rawMacros(golden()), tracking: rawMacros(ads.at('/imp/g1').at(-1)) }
  }
  /** Rows that come from the query; `[TRANSACTIONID]` always has a value. */
  const fromQuery = ROWS.filter(
    ({ name }) => QUERY_MACROS.includes(name as never) && name !== 'TRANSACTIONID',
  )

  it('ads.md §5.3 (9) every macro that a player may send: R and T rows with a value', async () => {
    const seen = await askAndSee(
      queryOf(({ value }) => (Array.isArray(value) ? value.join(',') : String(value))),
    )
    for (const { name, request, tracking } of fromQuery) {
      expect([name, seen.request.get(name)]).toEqual([name, request?.[0]])
      expect([name, seen.tracking.get(name)]).toEqual([name, tracking?.[0]])
    }
  })

  it.each([
    ['that is not known', 1, ''],
    ['that the player withholds', 2, queryOf(() => '-2')],
    [
      'that is none of its type',
      1,
      queryOf(({ value }) => (typeof value === 'string' ? 'x\u0000y' : '1;DROP')),
    ],
  ] as const)('ads.md §5.3 (9) R and T rows of a value %s', async (what, column, query) => {
    const seen = await askAndSee(query)
    // Any text is of the type of a list of texts.
    const rows = what.includes('type')
      ? fromQuery.filter(({ name }) => !VAST_MACROS.get(name)?.type.includes('string>'))
      : fromQuery
    for (const { name, request, tracking } of rows) {
      expect([name, seen.request.get(name)]).toEqual([name, request?.[column]])
      expect([name, seen.tracking.get(name)]).toEqual([name, tracking?.[column]])
    }
  })

  it('F-14, F-15, F-21 what the gateway knows itself, in requests and in pixels', async () => {
    const { request, tracking } = await askAndSee('ifa=device-1&lmt=0')
    const shared = {
      TIMESTAMP: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d%3A\d\d%3A\d\d\.\d{3}%2B00%3A00$/),
      CACHEBUSTING: expect.stringMatching(/^\d{8}$/),
      IFA: 'device-1',
      SERVERUA: expect.stringMatching(/^headgate%2F\d/),
      DEVICEUA: 'Player%2F1',
      DEVICEIP: '127.0.0.1',
    }
    const of = (seen: Map<string, string>, names: object) =>
      Object.fromEntries(Object.keys(names).map((name) => [name, seen.get(name)]))
    const asked = { ...shared, ADTYPE: 'video', SERVERSIDE: '2', BLOCKEDADCATEGORIES: '-1' }
    expect(of(request, asked)).toEqual(asked)
    const told = {
      ...shared,
      ADTYPE: 'hybrid',
      SERVERSIDE: '1',
      UNIVERSALADID: 'ad-id.org%20CNPA0484000H',
      PODSEQUENCE: '1',
      ADSERVINGID: 'Server-1',
    }
    expect(of(tracking, told)).toEqual(told)
    expect(tracking.get('TRANSACTIONID')).toBe(request.get('TRANSACTIONID'))
  })

  it("F-16 the player's TRANSACTIONID is the correlator of the whole request, unless no ids may be used", async () => {
    const id = '123e4567-e89b-12d3-a456-426655440000'
    const { request, tracking } = await askAndSee(`transactionid=${id}`)
    expect([request.get('TRANSACTIONID'), tracking.get('TRANSACTIONID')]).toEqual([id, id])
    expect(golden()?.headers['x-correlator']).toBe(id)
    const refused = await askAndSee(`transactionid=${id}&gdpr=1`)
    expect(refused.request.get('TRANSACTIONID')).toMatch(/^[0-9a-f-]{36}$/)
    expect(refused.request.get('TRANSACTIONID')).not.toBe(id)
  })

  it('F-28 consent withholds what a player sends all the same', async () => {
    const { request, tracking } = await askAndSee('gdpr=1&latlong=51.004703,3.754806&ifa=x&ifatype=idfa')
    for (const name of ['LATLONG', 'IFA', 'IFATYPE']) {
      expect([request.get(name), tracking.get(name)]).toEqual(['-2', '-2'])
    }
  })

  it('takes from the query what the configuration names, and nothing else then', async () => {
    await ask('/mapped/vast?wh=640,360&contentid=c1')
    expect(Object.fromEntries(ads.at('/doc/mapped')[0]?.query ?? [])).toEqual({ size: '640,360', id: '-1' })
  })

  it('knows each macro that it takes from the query', () => {
    for (const name of QUERY_MACROS) expect([name, VAST_MACROS.has(name)]).toEqual([name, true])
    expect(Object.keys(DEFAULT_QUERY_MACROS)).toHaveLength(QUERY_MACROS.length)
  })
})

describe('beacons', () => {
  it('ads.md §5.3 (10) the player calls where there are none: its document has all URLs as they were, and nobody else calls them', async () => {
    const { xml } = await ask('/player/vast')
    expect(impressionsOf(xml)).toEqual([
      `${ads.base}/imp/outer`,
      `${ads.base}/imp/a?ip=[DEVICEIP]`,
      `${ads.base}/imp/b?ip=[DEVICEIP]`,
    ])
    expect([...ads.at('/imp/a'), ...ads.at('/imp/outer')]).toEqual([])
  })

  it('ads.md §5.3 (10), F-21 at the event: all impressions of the chain at once, for the device that reports it, once', async () => {
    const { xml } = await ask('/event/vast')
    const urls = impressionsOf(xml)
    expect(urls).toHaveLength(1)
    expect(ads.at('/imp/a')).toEqual([])
    expect([await fire(urls[0] ?? ''), await fire(urls[0] ?? '')]).toEqual([200, 200])
    const pixels = (): SeenAdRequest[] => ['outer', 'a', 'b'].flatMap((id) => ads.at(`/imp/${id}`))
    await eventually('all three', () => pixels().length === 3)
    for (const pixel of pixels()) {
      expect(pixel.headers).toMatchObject({
        'x-device-ip': '127.0.0.1',
        'x-device-user-agent': 'Player/9',
        'x-device-accept-language': 'de',
      })
    }
    expect(ads.at('/imp/a')[0]?.query.get('ip')).toBe('127.0.0.1')
    const start = /event="start"><!\[CDATA\[(.*?)\]\]>/.exec(xml)?.[1] ?? ''
    expect(start).toContain('/event/event?b=')
    expect(await fire(start, (url) => url.replace('[ADPLAYHEAD]', '00:00:01.000'))).toBe(200)
    await eventually('the tracking pixel', () => ads.at('/start/in').length === 1)
    expect(ads.at('/start/in')[0]?.url).toBe('/start/in?at=00%3A00%3A01.000&id=-1')
    // A fresh request tells whether a repeated report called anything: pixels are called in order.
    expect(pixels()).toHaveLength(3)
    expect(await fire(start.replace(/b=([^&]*)..../, 'b=$1AAAA'))).toBe(400)
  })

  it('ads.md §5.3 (10) at the fill: the impressions are called with the device, and the player has none of them', async () => {
    const before = ads.at('/imp/g1').length
    const { xml } = await ask('/golden/vast', { 'user-agent': 'Player/4' })
    expect(impressionsOf(xml)).toEqual(['about:blank'])
    await eventually('the impression', () => ads.at('/imp/g1').length > before)
    expect(ads.at('/imp/g1').at(-1)?.headers).toMatchObject({
      'x-device-ip': '127.0.0.1',
      'x-device-user-agent': 'Player/4',
    })
  })

  it('F-38 are not called where the guard lets nobody go, and what does not fit the queue is dropped and counted', async () => {
    const before = await metric('ad_beacons_total{result="dropped"}')
    await ask('/private/vast')
    await eventually('the open one', () => ads.at('/imp/open').length === 1)
    const guarded = await metric('ad_beacons_total{result="dropped"}')
    expect(guarded).toBe(before + 1)
    await ask('/few/vast')
    await eventually(
      'one of two',
      async () => (await metric('ad_beacons_total{result="dropped"}')) === guarded + 1,
    )
    expect(await metric('ad_beacons_total{result="sent"}')).toBeGreaterThan(5)
  })
})
