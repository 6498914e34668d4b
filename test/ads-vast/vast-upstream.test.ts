import { describe, expect, it } from 'vitest'
import {
  createDestinationGuard,
  parseVast,
  SessionContext,
  type VastCall,
  VastParseError,
  type VastResult,
  VastUpstream,
  type VastUpstreamOptions,
} from '#src/ads/index.js'
import { type Upstream, UpstreamStatusError } from '#src/ads/upstream/index.js'
import { now } from '#src/time/index.js'
import { type Answer, inline, MemoryDocuments, vast, wrapper } from './support/memory-documents.js'

const ENDPOINT = 'https://ads.example/vast'
const context = SessionContext.create()

function setUp(answers: Record<string, Answer>, options: Partial<VastUpstreamOptions> = {}) {
  const transport = new MemoryDocuments(answers)
  return { transport, upstream: new VastUpstream({ transport, endpoint: ENDPOINT, ...options }) }
}

describe('VastUpstream', () => {
  it('B-03 needs only a transport; the endpoint may come with the call', async () => {
    const transport = new MemoryDocuments({ [ENDPOINT]: vast(inline('ad')) })
    const upstream: Upstream<VastResult> = new VastUpstream({ transport })
    await expect(upstream.request({})).rejects.toThrow("upstream 'vast' has no endpoint")
    expect(await upstream.fetch({ endpoint: ENDPOINT })).toMatchObject({ kind: 'fill', ad: { id: 'ad' } })
  })

  it('B-04 fetch is request: params become the query, the context is optional', async () => {
    const { transport, upstream } = setUp(
      { [ENDPOINT]: vast(inline('ad')) },
      { params: { format: 'video', a: 1 } },
    )
    await upstream.fetch({ params: { placement_id: 'preroll video', a: 2 }, context })
    await upstream.request({ params: { placement_id: 'preroll_video' } })
    expect(transport.urls).toEqual([
      `${ENDPOINT}?format=video&a=2&placement_id=preroll%20video`,
      `${ENDPOINT}?format=video&a=1&placement_id=preroll_video`,
    ])
    expect(transport.requests.map((request) => request.context)).toEqual([context, undefined])
  })

  it('B-22 macros are substituted only if there is a context', async () => {
    const { transport, upstream } = setUp(
      { [ENDPOINT]: vast(inline('ad')) },
      { endpoint: `${ENDPOINT}?cb=[CACHEBUSTING]&s=[SERVERSIDE]` },
    )
    await upstream.request()
    await upstream.request({ context })
    expect(transport.urls[0]).toBe(`${ENDPOINT}?cb=[CACHEBUSTING]&s=[SERVERSIDE]`)
    expect(transport.urls[1]).toMatch(/\?cb=\d{8}&s=2$/)
  })

  it.each(['iab', 'seed'] as const)(
    'B-23 D1 F-19 macros inside a parameter, in the endpoint and spelled %%5B: profile %s',
    async (profile) => {
      const { transport, upstream } = setUp(
        { [ENDPOINT]: vast(inline('ad')) },
        { endpoint: `${ENDPOINT}?e=[CACHEBUSTING]&p=%5BTIMESTAMP%5D`, macros: { profile } },
      )
      const ad_url = 'https://ads.example.com/vast?cb=[CACHEBUSTING]&t=[TIMESTAMP]'
      await upstream.request({ params: { ad_url }, context })
      const arrived = new URL(transport.urls[0] ?? '').searchParams
      const inner = new URL(arrived.get('ad_url') ?? '').searchParams
      const buster = profile === 'seed' ? context.cachebusting : expect.stringMatching(/^[1-9]\d{7}$/)
      const time =
        profile === 'seed'
          ? String(context.timestamp)
          : expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]{12}\+00:00$/)
      expect([arrived.get('e'), arrived.get('p'), inner.get('cb'), inner.get('t')]).toEqual([
        buster,
        time,
        buster,
        time,
      ])
    },
  )

  it('B-32 a fill has the ad, the pod and the document with trackers; no-fill has no ad', async () => {
    const answers = { [ENDPOINT]: vast(wrapper('w', 'in')), 'https://ads.example/in': vast(inline('ad-1')) }
    const result = await setUp(answers).upstream.request({ context })
    if (result.kind !== 'fill') throw new Error('no fill')
    expect([result.ad.id, result.ads.length, result.hops.length, result.usedFallback]).toEqual([
      'ad-1',
      1,
      1,
      false,
    ])
    const document = parseVast(result.toXml({ impressions: ['https://gw.example/e?t=imp'] }))
    expect(document.ads[0]?.impressions.map(({ url }) => url)).toEqual([
      'https://i.example/w',
      'https://i.example/ad-1',
      'https://gw.example/e?t=imp',
    ])
    expect(parseVast(result.toXml()).ads[0]?.impressions).toHaveLength(2)
    expect('ad' in (await setUp({ [ENDPOINT]: { status: 204 } }).upstream.request())).toBe(false)
  })

  it.each<[string, Answer, object]>([
    ['204', { status: 204 }, { reason: 'no-ad', code: null }],
    ['an empty body', '', { reason: 'no-ad', code: null }],
    ['a document without ads', vast(), { reason: 'no-ad', code: null }],
    ['a wrapper with nothing behind it', vast(wrapper('w', 'empty')), { reason: 'no-ad', code: 303 }],
    ['a wrapper that nobody answers', vast(wrapper('w', 'gone')), { reason: 'timeout', code: 301 }],
    ['a wrapper that leads back', vast(wrapper('w', '/vast')), { reason: 'error', code: 300 }],
  ])('%s is no-fill, with a document for the player', async (_what, answer, expected) => {
    const result = await setUp({ [ENDPOINT]: answer, 'https://ads.example/empty': '' }).upstream.request()
    expect(result).toMatchObject({ kind: 'no-fill', ...expected })
    expect(parseVast(result.toXml())).toMatchObject({ version: '4.2', ads: [] })
  })

  it("throws what is wrong with the ad server's own answer", async () => {
    const status = setUp({ [ENDPOINT]: { status: 503 } }).upstream.request()
    await expect(status).rejects.toBeInstanceOf(UpstreamStatusError)
    await expect(setUp({ [ENDPOINT]: '{}' }).upstream.request()).rejects.toBeInstanceOf(VastParseError)
    const late = setUp({ [ENDPOINT]: 'never' }, { totalTimeoutMs: 20 }).upstream.request()
    await expect(late).rejects.toMatchObject({ code: 'HG_TIMEOUT', status: 504 })
    const deadline = setUp({ [ENDPOINT]: 'never' }).upstream.request({ deadlineMs: now() + 20 })
    await expect(deadline).rejects.toMatchObject({ code: 'HG_TIMEOUT' })
    const reason = new Error('gone')
    const aborted = setUp({ [ENDPOINT]: 'never' }).upstream.request({ signal: AbortSignal.abort(reason) })
    await expect(aborted).rejects.toBe(reason)
  })

  it('calls the error pixels of a failed chain behind the answer, or none', async () => {
    const answers = { [ENDPOINT]: vast(wrapper('w', 'gone')) }
    const { transport, upstream } = setUp(answers)
    await upstream.request({ context })
    await upstream.close()
    expect(transport.urls).toEqual([ENDPOINT, 'https://ads.example/gone', 'https://e.example/w?c=301'])
    expect(upstream.pixels.sent).toBe(1)
    const silent = setUp(answers, { errorPixels: false })
    await silent.upstream.request({ context })
    await silent.upstream.close()
    expect(silent.transport.urls).toHaveLength(2)
    const empty = setUp(
      { [ENDPOINT]: '<VAST><Error>https://e.example/[ERRORCODE]</Error></VAST>' },
      { unwrap: false },
    )
    await empty.upstream.request()
    await empty.upstream.close()
    expect(empty.transport.urls).toEqual([ENDPOINT, 'https://e.example/303'])
  })

  it('asks on behalf of a device: fields on every hop and pixel, except what is withheld', async () => {
    const device = { ip: '192.0.2.7', userAgent: 'Player/1\r\nX: y', referer: 'https://p.example/' }
    const answers = { [ENDPOINT]: vast(wrapper('w', 'gone?ip=[DEVICEIP]&s=[SERVERSIDE]')) }
    const call = async (extra: VastCall) => {
      const { transport, upstream } = setUp(answers, { headers: { 'X-Own': '1' } })
      await upstream.request({ context, ...extra })
      await upstream.close()
      return transport
    }
    const told = await call({ device, headers: { 'x-own': '2' } })
    const fields = {
      'x-device-ip': '192.0.2.7',
      'x-device-user-agent': 'Player/1X: y',
      'x-device-referer': 'https://p.example/',
    }
    expect(told.requests.map(({ headers }) => headers)).toEqual([
      { ...fields, 'x-own': '2' },
      { ...fields, 'x-own': '2' },
      fields,
    ])
    expect(told.urls[1]).toBe('https://ads.example/gone?ip=192.0.2.7&s=1')
    const withheld = await call({ device, withheld: new Set(['DEVICEIP']) })
    expect(withheld.urls[1]).toBe('https://ads.example/gone?ip=-2&s=1')
    expect(JSON.stringify(withheld.requests)).not.toContain('192.0.2.7')
    const through = await call({})
    expect(through.requests.map(({ headers }) => headers)).toEqual([
      { 'x-own': '1' },
      { 'x-own': '1' },
      undefined,
    ])
  })

  it('C-15 F-38 follows wrappers only where the guard lets it', async () => {
    const answers = { [ENDPOINT]: vast(wrapper('w', 'http://169.254.169.254/latest/meta-data')) }
    const { transport, upstream } = setUp(answers, { guard: createDestinationGuard() })
    expect(await upstream.request()).toMatchObject({ kind: 'no-fill', reason: 'error', code: 300 })
    expect(transport.urls.filter((url) => url.includes('169.254'))).toEqual([])
  })

  it('hands the first document on as it is when it is not to unwrap', async () => {
    const { transport, upstream } = setUp({ [ENDPOINT]: vast(wrapper('w', 'in')) }, { unwrap: false })
    expect(await upstream.request()).toMatchObject({ kind: 'fill', ad: { kind: 'wrapper', tagUri: 'in' } })
    expect(transport.requests).toHaveLength(1)
  })

  it('keeps what stands beside the ads, and the version of the documents that they are from', async () => {
    const first = `<VAST version="3.0" xmlns:x="urn:x"><!--c-->${wrapper('w', 'in')}<x:own a="1"/></VAST>`
    const answers = { [ENDPOINT]: first, 'https://ads.example/in': vast(inline('ad')) }
    const result = await setUp(answers).upstream.request()
    expect(result.toXml()).toMatch(
      /^<\?xml .*\?>\n<VAST version="4\.2" xmlns:x="urn:x"><!--c--><x:own a="1"\/><Ad id="ad"/,
    )
  })

  it('C-22 closes its transport, once, and is not healthy then', async () => {
    const { transport, upstream } = setUp({})
    expect(await upstream.healthCheck()).toBe(true)
    await Promise.all([upstream.close(), upstream.close()])
    expect([transport.closed, await upstream.healthCheck()]).toEqual([1, false])
  })
})
