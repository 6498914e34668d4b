// biome-ignore-all lint/suspicious/noTemplateCurlyInString: OpenRTB writes its macros like that
import { describe, expect, it } from 'vitest'
import {
  type BidRequest,
  cpmMicros,
  cpmText,
  decideConsent,
  fillAuctionMacros,
  LOSS,
  type MemoryAnswer,
  MemoryTransport,
  NO_SIGNALS,
  OpenRtbUpstream,
  type OpenRtbUpstreamOptions,
  SessionContext,
} from '#src/ads/index.js'
import { now } from '#src/time/index.js'

const TEMPLATE: BidRequest = {
  imp: [{ id: '1', video: { mimes: ['video/mp4'] }, bidfloor: 1 }],
  site: { domain: 'example.com' },
  device: { ua: 'UA', ip: '203.0.113.7', ifa: 'ifa-1', geo: { lat: 52.123456, lon: 13.98765, zip: '10115' } },
  user: { buyeruid: 'buyer-1', data: [{}] },
}

interface Sent {
  readonly body: BidRequest & { readonly id: string; readonly tmax: number }
  readonly headers: Readonly<Record<string, string>>
}

/** A bidder that answers what the test says; notices are answered with 200. */
function bidder(
  answer: (request: Sent['body']) => MemoryAnswer,
  options: Partial<OpenRtbUpstreamOptions> = {},
) {
  const sent: Sent[] = []
  const notices: string[] = []
  const transport = new MemoryTransport((request) => {
    if (request.method !== 'POST') {
      notices.push(request.url)
      return ''
    }
    const body = JSON.parse(String(request.body)) as Sent['body']
    sent.push({ body, headers: request.headers ?? {} })
    return answer(body)
  })
  const upstream = new OpenRtbUpstream({
    transport,
    endpoint: 'http://bidder.example/bid',
    template: TEMPLATE,
    ...options,
  })
  return { upstream, sent, notices }
}

const bids = (request: Sent['body'], ...bid: object[]): string =>
  JSON.stringify({ id: request.id, bidid: 'R1', cur: 'USD', seatbid: [{ seat: 's1', bid }] })

describe('OpenRtbUpstream', () => {
  it.each([
    ['204', { status: 204 }],
    ['an empty body', ''],
    ['{}', '{}'],
    ['an empty seatbid', '{"id":"x","seatbid":[]}'],
    ['a seat without bids', '{"id":"x","seatbid":[{"bid":[]}]}'],
    ['a reason', '{"id":"x","nbr":2}'],
  ] as const)('ads.md §5.1 (2) %s is a no-bid, not an error', async (_, answer) => {
    const result = await bidder(() => answer).upstream.request()
    expect(result).toMatchObject({ kind: 'no-fill', reason: 'no-bid' })
    expect(result.ad).toBeUndefined()
  })

  it('ads.md §5.1 (8) the best bid at or above the floor wins, its price in exact micros', async () => {
    const { upstream, notices, sent } = bidder((request) =>
      bids(
        request,
        {
          id: 'a',
          impid: '1',
          price: 1.5,
          adid: 'ad-a',
          lurl: 'http://l/a?r=${AUCTION_LOSS}&p=${AUCTION_PRICE}',
        },
        { id: 'b', impid: '1', price: 2.005, adid: 'ad-b', adm: '<VAST>${AUCTION_PRICE}</VAST>', exp: 60 },
        { id: 'c', impid: '1', price: 0.5, lurl: 'http://l/c?r=${AUCTION_LOSS}' },
        { id: 'd', impid: 'unknown', price: 9 },
        { id: 'e', impid: '1', price: '9' },
        { impid: '1', price: 9 },
      ),
    )
    const result = await upstream.request()
    expect(result).toMatchObject({
      kind: 'fill',
      ad: {
        id: 'ad-b',
        cpmMicros: 2_005_000n,
        currency: 'USD',
        adm: '<VAST>2.005</VAST>',
        expiryMs: 60_000,
        seat: 's1',
      },
    })
    await upstream.notices.drained()
    expect(notices.sort()).toEqual([
      `http://l/a?r=${LOSS.lostToHigherBid}&p=1.5`,
      `http://l/c?r=${LOSS.belowFloor}`,
    ])
    expect(sent[0]?.headers).toMatchObject({ 'content-type': 'application/json', 'x-openrtb-version': '2.6' })
    expect(sent[0]?.body).toMatchObject({ at: 2, cur: ['USD'], imp: TEMPLATE.imp })
  })

  it("ads.md §5.1 (8) notices of winning, billing and losing are the caller's, each with its macros", async () => {
    const { upstream, notices } = bidder((request) =>
      bids(request, {
        id: 'a',
        impid: '1',
        price: 2,
        nurl: 'http://n/w?p=${AUCTION_PRICE}&i=${AUCTION_ID}&u=${AUCTION_MBR}',
        burl: 'http://n/b?p=${AUCTION_PRICE:B64}',
        lurl: 'http://n/l?r=${AUCTION_LOSS}',
      }),
    )
    const context = SessionContext.create()
    const result = await upstream.request({ context })
    if (result.kind !== 'fill') throw new Error('no fill')
    await upstream.notices.drained()
    expect(notices).toEqual([])
    upstream.win(result, context)
    upstream.bill(result, context)
    upstream.lose(result, LOSS.expired, context)
    await upstream.close()
    expect(notices).toEqual([
      `http://n/w?p=2&i=${context.requestId}&u=`,
      'http://n/b?p=Mg%3D%3D',
      'http://n/l?r=2',
    ])
  })

  it('ads.md §5.1 (7) tells the bidder what is left of the deadline as tmax, and asks nobody when nothing is', async () => {
    const { upstream, sent } = bidder(() => '{}')
    await upstream.request()
    await upstream.request({ deadlineMs: now() + 120 })
    expect(sent[0]?.body.tmax).toBe(280)
    expect(sent[1]?.body.tmax).toBeGreaterThan(80)
    expect(sent[1]?.body.tmax).toBeLessThanOrEqual(100)
    await expect(upstream.request({ deadlineMs: now() + 5 })).rejects.toMatchObject({ code: 'HG_TIMEOUT' })
    expect(sent).toHaveLength(2)
  })

  it('B-35 carries the ids of the context', async () => {
    const { upstream, sent } = bidder(() => '{}')
    const context = SessionContext.create({ userId: 'u1', ipAddress: '2001:db8::1', deviceId: 'd1' })
    await upstream.request({ context, params: { placement_id: 'p' } })
    expect(sent[0]?.body).toMatchObject({
      id: context.requestId,
      source: { tid: context.correlator },
      user: { id: 'u1', buyeruid: 'buyer-1' },
      device: { ifa: 'd1', ipv6: '2001:db8::1' },
      ext: { params: { placement_id: 'p' } },
    })
  })

  it('F-28, ads.md §5.3 (7) without consent no id leaves, not even of the template; the signals do', async () => {
    const { upstream, sent } = bidder(() => '{}')
    const consent = decideConsent({
      ...NO_SIGNALS,
      gdpr: true,
      usPrivacy: '1YYN',
      gpp: 'G',
      gppSid: [7],
      lmt: true,
      gpc: true,
      coppa: true,
    })
    await upstream.request({
      context: SessionContext.create({ userId: 'user-1', deviceId: 'device-1', consent }),
    })
    const text = JSON.stringify(sent[0]?.body)
    for (const secret of ['user-1', 'device-1', 'ifa-1', 'buyer-1', '203.0.113.7', '10115', '52.123456'])
      expect(text).not.toContain(secret)
    expect(sent[0]?.body).toMatchObject({
      regs: { gdpr: 1, us_privacy: '1YYN', gpp: 'G', gpp_sid: [7], coppa: 1, ext: { gpc: '1' } },
      device: { ip: '203.0.113.0', geo: { lat: 52.12, lon: 13.99 }, lmt: 1 },
    })
  })

  it.each([
    ['not JSON', 'oops', 'it is not JSON'],
    ['no object', '7', 'it is not an object'],
    ['a foreign id', '{"id":"x","seatbid":[{"bid":[{"id":"a","impid":"1","price":2}]}]}', 'its id is not'],
  ])('C-16 refuses %s', async (_, answer, message) => {
    await expect(bidder(() => answer).upstream.request()).rejects.toThrow(message)
  })

  it('C-16 refuses a currency that was not asked for, and a status that is no answer', async () => {
    const { upstream } = bidder((request) =>
      JSON.stringify({ id: request.id, cur: 'EUR', seatbid: [{ bid: [{ id: 'a', impid: '1', price: 2 }] }] }),
    )
    await expect(upstream.request()).rejects.toThrow('the currency EUR was not asked for')
    await expect(bidder(() => ({ status: 500 })).upstream.request()).rejects.toMatchObject({
      upstreamStatus: 500,
      retry: 'idempotent',
    })
    expect(upstream.isIdempotent).toBe(false)
  })

  it('bounds its notices: what does not fit is counted', async () => {
    const bid = { id: 'a', impid: '1', price: 2, nurl: 'http://n/' }
    const { upstream, notices } = bidder((request) => bids(request, bid), {
      notices: { maxConcurrent: 1, maxWaiting: 2 },
    })
    const result = await upstream.request()
    if (result.kind !== 'fill') throw new Error('no fill')
    for (let i = 0; i < 5; i += 1) upstream.win(result)
    await upstream.notices.drained()
    expect(notices).toHaveLength(3)
    expect(upstream.notices.stats).toEqual({ sent: 3, failed: 0, dropped: 2 })
  })
})

describe('auction macros (OpenRTB 2.6 §4.4)', () => {
  it('F-18 fills in one pass, encodes, and removes what is unknown', () => {
    const text = 'http://x/?a=${AUCTION_ID}&p=${AUCTION_PRICE}&z=${AUCTION_LOSS}&k=${OTHER}&t=[TIMESTAMP]'
    expect(fillAuctionMacros(text, { ID: '${AUCTION_PRICE}&x=1', PRICE: '2' })).toBe(
      'http://x/?a=%24%7BAUCTION_PRICE%7D%26x%3D1&p=2&z=&k=${OTHER}&t=[TIMESTAMP]',
    )
  })

  it.each([
    [2.005, 2_005_000n, '2.005'],
    [0, 0n, '0'],
    [0.000001, 1n, '0.000001'],
    [1e15, null, ''],
    [-1, null, ''],
    ['2', null, ''],
    [Number.NaN, null, ''],
  ])('F-06 a price of %s is %s micros', (price, micros, text) => {
    expect(cpmMicros(price)).toBe(micros)
    if (micros !== null) expect(cpmText(micros)).toBe(text)
  })
})
