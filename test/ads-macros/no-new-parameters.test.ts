// biome-ignore-all lint/suspicious/noTemplateCurlyInString: macros are written so
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MacroEngine, type MacroValues, requestUrl, SessionContext, VAST_MACROS } from '#src/ads/index.js'

const context = SessionContext.create()
const NAMES = [...VAST_MACROS.keys(), 'DEVICEID', 'X_1']
const evil = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '&a=b',
    '#',
    '?x',
    '[TIMESTAMP]',
    '%26a=b',
    '\r\nX: y',
    '\ud800',
    ';a=1',
    '+',
    '${AUCTION_ID}',
  ),
)
const value = fc.oneof(evil, fc.array(evil, { minLength: 1, maxLength: 4 }), fc.double(), fc.bigInt())
const values = fc.dictionary(fc.constantFrom(...NAMES, 'AUCTION_ID', 'GDPR_CONSENT'), value)
const macro = fc.oneof(
  fc.constantFrom(...NAMES).map((name) => `[${name}]`),
  fc.constantFrom(...NAMES).map((name) => `%5B${name}%5D`),
  fc.constantFrom('${AUCTION_ID}', '${GDPR_CONSENT_12}', '$%7BAUCTION_ID:B64%7D', '[FOREIGN]'),
)
const template = fc
  .array(
    fc.tuple(
      fc.stringMatching(/^[a-z]{1,4}$/),
      fc.array(fc.oneof(macro, fc.constantFrom('a', '.', '%20')), { maxLength: 3 }),
    ),
    {
      minLength: 1,
      maxLength: 6,
    },
  )
  .map((pairs) => pairs.map(([name, parts], i) => `${name}${i}=${parts.join('')}`).join('&'))
const engine = new MacroEngine()
const wellFormed = (text: string) => text.replace(/\p{Surrogate}/gu, '\ufffd')
const place = fc.constantFrom('request', 'tracking', 'error', 'clickTracking', 'verificationNotExecuted')

describe('no value can add or change a parameter', () => {
  it('F-17 of the URL: names, number and order of parameters, path and origin stay', () => {
    fc.assert(
      fc.property(template, values, place, (query, given, where) => {
        const before = new URL(`https://a.example/p?${query}#f`)
        const text = engine.expand(before.href, context, {
          values: given as MacroValues,
          place: where,
        })
        expect(text).toMatch(/^[\x21-\x7e]*$/)
        const after = new URL(text)
        expect([...after.searchParams.keys()]).toEqual([...before.searchParams.keys()])
        expect([after.origin, after.pathname, after.hash]).toEqual(['https://a.example', '/p', '#f'])
      }),
      { numRuns: 500 },
    )
  })

  it('F-18 every other parameter keeps its value', () => {
    fc.assert(
      fc.property(evil, evil, (a, b) => {
        const after = new URL(
          engine.expand('https://a.example/?l=1&a=[X_1]&m=[DEVICEID]&r=%262', context, {
            values: { X_1: a, DEVICEID: b },
          }),
        ).searchParams
        expect(after.getAll('l')).toEqual(['1'])
        expect(after.getAll('r')).toEqual(['&2'])
        expect(after.get('a')).toBe(wellFormed(a))
        expect(after.get('m')).toBe(wellFormed(b))
      }),
    )
  })

  it('F-19 of a URL inside a parameter, which arrives with the value as it was', () => {
    fc.assert(
      fc.property(evil, fc.boolean(), (a, spelled) => {
        const inner = 'https://b.example/v?x=[X_1]&y=1'
        const url = spelled
          ? engine.expand(`https://a.example/?u=${encodeURIComponent(inner)}&z=1`, context, {
              values: { X_1: a },
            })
          : requestUrl(engine, 'https://a.example/', { u: inner, z: 1 }, context, { values: { X_1: a } })
        const outer = new URL(url).searchParams
        expect([...outer.keys()]).toEqual(['u', 'z'])
        expect([...new URL(outer.get('u') ?? '').searchParams]).toEqual([
          ['x', wellFormed(a)],
          ['y', '1'],
        ])
      }),
    )
  })
})
