// biome-ignore-all lint/suspicious/noTemplateCurlyInString: macros are written so
import { describe, expect, it } from 'vitest'
import {
  encodeRfc3986,
  MacroEngine,
  requestUrl,
  SessionContext,
  substituteAuctionMacros,
  substituteMacros,
  WITHHELD,
} from '#src/ads/index.js'

const context = SessionContext.create()
const seed = { profile: 'seed' } as const

describe('profiles', () => {
  it.each([
    ['B-25', 'CACHEBUSTING', () => context.cachebusting],
    ['B-26', 'TIMESTAMP', () => String(context.timestamp)],
    ['B-27', 'CORRELATOR', () => context.correlator],
  ])("%s seed: [%s] is the context's", (_id, name, value) => {
    expect(substituteMacros(`https://a.example/?v=[${name}]`, context, {}, seed)).toBe(
      `https://a.example/?v=${value()}`,
    )
  })

  it('B-24 D1 F-14 F-15 iab: 8 random digits, and ISO 8601 with a numeric offset', () => {
    const nowMs = Date.UTC(2016, 0, 17, 13, 15, 7, 127)
    const url = substituteMacros('https://a.example/?c=[CACHEBUSTING]&t=[TIMESTAMP]', context, {}, { nowMs })
    expect(url).toMatch(/\?c=[1-9][0-9]{7}&t=2016-01-17T13%3A15%3A07\.127%2B00%3A00$/)
  })

  it('B-27 F-16 iab: [CORRELATOR] and [TRANSACTIONID] are the correlator, unless the player sent an id of its own', () => {
    const url = 'https://a.example/?c=[CORRELATOR]&t=[TRANSACTIONID]'
    expect(substituteMacros(url, context)).toBe(
      `https://a.example/?c=${context.correlator}&t=${context.correlator}`,
    )
    expect(substituteMacros(url, context, { TRANSACTIONID: 'p-1' })).toBe(
      `https://a.example/?c=${context.correlator}&t=p-1`,
    )
    expect(substituteMacros(url, context, {}, { withheld: new Set(['CORRELATOR']) })).toContain('?c=-2&')
  })

  it('F-22 F-49 iab: every call has its own time and cache-buster, one URL has one', () => {
    const url = 'https://a.example/?c=[CACHEBUSTING]&d=[CACHEBUSTING]&t=[TIMESTAMP]'
    const first = new URL(substituteMacros(url, context, {}, { nowMs: 1000 })).searchParams
    const second = new URL(substituteMacros(url, context, {}, { nowMs: 2001 })).searchParams
    expect(first.get('c')).toBe(first.get('d'))
    expect(first.get('t')).toBe('1970-01-01T00:00:01.000+00:00')
    expect(second.get('t')).toBe('1970-01-01T00:00:02.001+00:00')
    const seen = new Set(Array.from({ length: 50 }, () => substituteMacros('[CACHEBUSTING]', context)))
    expect(seen.size).toBeGreaterThan(45)
  })

  it('B-22 without a context the URL goes out unchanged', () => {
    const url = 'https://a.example/?c=[CACHEBUSTING]&d=[X]'
    expect(substituteMacros(url, undefined, { X: 1 })).toBe(url)
  })
})

describe('custom macros', () => {
  it('B-28 are replaced beside those of the list', () => {
    const url = 'https://ads.example.com/vast?device=[DEVICEID]&cb=[CACHEBUSTING]'
    expect(substituteMacros(url, context, { DEVICEID: 'device-12345' }, seed)).toBe(
      `https://ads.example.com/vast?device=device-12345&cb=${context.cachebusting}`,
    )
  })

  it('B-29 are replaced at every occurrence', () => {
    expect(substituteMacros('[A]/[A]?[A]', context, { A: '$&' })).toBe('%24%26/%24%26?%24%26')
  })

  it('B-30 have any name of A-Z, 0-9 and _, and a value or a function, asked once per URL', () => {
    let asked = 0
    const engine = new MacroEngine({ custom: { PLAIN_1: 'p' } }).register('MADE', (name, of) => {
      asked += 1
      return `${name}-${of?.requestId}-${asked}`
    })
    expect(engine.expand('[PLAIN_1][MADE][MADE]', context)).toBe(
      `pMADE-${context.requestId}-1MADE-${context.requestId}-1`,
    )
    expect(() => engine.register('lower', 1)).toThrow("'lower' is no macro name")
    expect(() => new MacroEngine({ custom: { 'A B': 1 } })).toThrow(RangeError)
  })

  it('stay when their value is not known, and become -2 when it is withheld', () => {
    expect(substituteMacros('[X][Y]', context, { X: undefined, Y: WITHHELD })).toBe('[X]-2')
  })
})

describe('what is replaced', () => {
  it('F-19 B-23 a macro written %5BNAME%5D, in either case', () => {
    expect(substituteMacros('/?a=%5BX%5D&b=%5bX%5d&c=[X%5D', context, { X: '1&2' })).toBe(
      '/?a=1%262&b=1%262&c=1%262',
    )
  })

  it('is encoded twice in a URL that is an encoded parameter itself', () => {
    const inner = encodeURIComponent('https://b.example/?x=[X]&y=1')
    const url = new URL(substituteMacros(`https://a.example/?u=${inner}&z=1`, context, { X: 'a&y=2' }))
    const decoded = new URL(url.searchParams.get('u') ?? '')
    expect([...decoded.searchParams]).toEqual([
      ['x', 'a&y=2'],
      ['y', '1'],
    ])
  })

  it('F-20 foreign macros stay, also in lower case; macros out of their place stay', () => {
    const url = 'https://a.example/?a=[FOREIGN]&b=[timestamp]&c=[ERRORCODE]&d=[]&e=[A-B]&f=${OTHER}'
    expect(substituteMacros(url, context, { ERRORCODE: 900 })).toBe(url)
  })

  it('F-18 values are not looked at again', () => {
    expect(substituteMacros('[X]', context, { X: '[IFA]', IFA: 'secret' })).toBe('%5BIFA%5D')
  })

  it('F-48 lower case and %%NAME%% only when asked for', () => {
    const url = '[timestamp]%%IFA%%[random]'
    expect(new MacroEngine().expand(url, context)).toBe(url)
    expect(new MacroEngine({ ignoreCase: true, profile: 'seed' }).expand(url, context)).toBe(
      `${context.timestamp}%%IFA%%[random]`,
    )
    expect(new MacroEngine({ legacy: true, profile: 'seed' }).expand(url, context)).toBe(
      `${context.timestamp}-1${context.cachebusting}`,
    )
  })

  it('F-21 unknown ones can be left for the player', () => {
    expect(
      substituteMacros('[IFA][DOMAIN]${AUCTION_LOSS}', context, { DOMAIN: 'd' }, { unknown: 'leave' }),
    ).toBe('[IFA]d${AUCTION_LOSS}')
  })

  it('arrays keep a bare comma, booleans are 1 and 0, what is no value is unknown', () => {
    const values = {
      EXTENSIONS: ['abc/def', 'y=z'],
      LIMITADTRACKING: false,
      IFA: '',
      BREAKMAXADS: Number.NaN,
      REGULATIONS: [],
    }
    expect(
      substituteMacros('[EXTENSIONS]|[LIMITADTRACKING]|[IFA]|[BREAKMAXADS]|[REGULATIONS]', context, values),
    ).toBe('abc%2Fdef,y%3Dz|0|-1|-1|-1')
  })

  it("F-17 RFC 3986: !'()* are encoded too; half a surrogate pair does no harm", () => {
    expect(encodeRfc3986("a!'()*~ é\ud800")).toBe('a%21%27%28%29%2A~%20%C3%A9%EF%BF%BD')
  })

  it('keeps a bounded number of compiled URLs and works past it', () => {
    const engine = new MacroEngine({ maxTemplates: 2 })
    for (let i = 0; i < 5; i += 1)
      expect(engine.expand(`/${i}?[DOMAIN]`, context, { values: { DOMAIN: i } })).toBe(`/${i}?${i}`)
    expect(engine.expand('/0?[DOMAIN]', context)).toBe('/0?-1')
  })
})

describe('${…} macros', () => {
  it('of OpenRTB: unknown ones are removed, :B64 is base64, an encoding that we do not have removes the value', () => {
    const values = { AUCTION_PRICE: '1.25', AUCTION_ID: 'a&b' }
    const url =
      '/?p=${AUCTION_PRICE}&q=${AUCTION_PRICE:B64}&r=${AUCTION_PRICE:AES}&i=${AUCTION_ID}&l=${AUCTION_LOSS}&e=%24%7BAUCTION_PRICE%7D'
    expect(substituteMacros(url, context, values)).toBe('/?p=1.25&q=MS4yNQ%3D%3D&r=&i=a%26b&l=&e=1.25')
  })

  it('of TCF and GPP: replaced when known, for a valid vendor id only, else left', () => {
    const values = { GDPR: 1, GDPR_CONSENT: 'CPx', GPP_STRING: 'DB~C', GPP_SID: [2, 6], US_PRIVACY: '1YNN' }
    const url =
      '${GDPR}|${GDPR_CONSENT_755}|${GDPR_CONSENT_0}|${GDPR_CONSENT_99999}|${GPP_STRING}|${GPP_STRING_12}|${GPP_SID}|${US_PRIVACY}'
    expect(substituteMacros(url, context, values)).toBe(
      '1|CPx|${GDPR_CONSENT_0}|${GDPR_CONSENT_99999}|DB~C|DB~C|2,6|1YNN',
    )
    expect(substituteMacros(url, context)).toBe(url)
  })

  it('in markup are put in as they are, and nothing else is touched', () => {
    const markup = '<a href="x?p=${AUCTION_PRICE}&c=[CACHEBUSTING]">${OTHER}${AUCTION_SEAT_ID}</a>'
    expect(substituteAuctionMacros(markup, { AUCTION_PRICE: '1.5 EUR' })).toBe(
      '<a href="x?p=1.5 EUR&c=[CACHEBUSTING]">${OTHER}</a>',
    )
  })
})

describe('the URL of a request', () => {
  const engine = new MacroEngine(seed)

  it('B-23 macros inside a parameter value arrive replaced, once decoded', () => {
    const params = { ad_url: 'https://ads.example.com/vast?cb=[CACHEBUSTING]&t=[TIMESTAMP]' }
    const url = new URL(requestUrl(engine, 'https://gw.example/?id=[CORRELATOR]', params, context))
    expect(url.searchParams.get('ad_url')).toBe(
      `https://ads.example.com/vast?cb=${context.cachebusting}&t=${context.timestamp}`,
    )
    expect(url.searchParams.get('id')).toBe(context.correlator)
  })

  it('B-23 also in profile iab, where the inner URL stays a URL', () => {
    const params = { ad_url: 'https://ads.example.com/vast?t=[TIMESTAMP]&u=[DEVICEUA]', t: '[TIMESTAMP]' }
    const options = { nowMs: 0, values: { DEVICEUA: 'a&b=c' } }
    const url = new URL(requestUrl(new MacroEngine(), 'https://gw.example/', params, context, options))
    const inner = new URL(url.searchParams.get('ad_url') ?? '').searchParams
    expect([...inner]).toEqual([
      ['t', '1970-01-01T00:00:00.000+00:00'],
      ['u', 'a&b=c'],
    ])
    expect(url.searchParams.get('t')).toBe('1970-01-01T00:00:00.000+00:00')
  })

  it("parameters take the place of the endpoint's own, before the fragment", () => {
    expect(requestUrl(engine, 'https://a.example/x?a=1&b=2&#f', { b: 'ü', c: true }, context)).toBe(
      'https://a.example/x?a=1&b=%C3%BC&c=true#f',
    )
    expect(requestUrl(engine, 'https://a.example/x?a=[A]', {}, undefined)).toBe('https://a.example/x?a=[A]')
    expect(requestUrl(engine, 'https://a.example/x', { a: '[A]' })).toBe('https://a.example/x?a=%5BA%5D')
  })
})
