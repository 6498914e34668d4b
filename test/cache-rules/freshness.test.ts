import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  formatHttpDate,
  freshnessLifetime,
  initialAgeMs,
  parseCacheControl,
  parseHttpDate,
  responseControl,
  staleWindows,
} from '#src/cache/rules/index.js'
import { AT_NOON, fields, NOON_MS, RULES } from './support.js'

describe('HTTP dates (RFC 9110 §5.6.7)', () => {
  it.each([
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
    'sun, 06 nov 1994 08:49:37 gmt',
  ])('%s', (text) => expect(parseHttpDate(text)).toBe(Date.UTC(1994, 10, 6, 8, 49, 37)))

  it.each([
    '0',
    '',
    '-1',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 31 Feb 1994 08:49:37 GMT',
    'Sun, 06 Nov 94 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
    '1994-11-06T08:49:37Z',
  ])('%j is none', (text) => expect(parseHttpDate(text)).toBeNull())

  it('two digits of a year lie at most 50 years ahead', () => {
    expect(parseHttpDate('Monday, 01-Jan-70 00:00:00 GMT', Date.UTC(2026, 0))).toBe(Date.UTC(2070, 0))
    expect(parseHttpDate('Monday, 01-Jan-77 00:00:00 GMT', Date.UTC(2026, 0))).toBe(Date.UTC(1977, 0))
  })

  it('what is written is read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (s) => {
        expect(parseHttpDate(formatHttpDate(s * 1000))).toBe(s * 1000)
      }),
    )
  })
})

describe('age of what arrives (RFC 9111 §4.2.3)', () => {
  const age = (values: Record<string, string>, arrival = {}): number =>
    initialAgeMs({ ...AT_NOON, ...arrival }, fields(values))

  it('without Age and Date it is the time that the request took', () => {
    expect(age({}, { dateMs: null })).toBe(0)
    expect(age({}, { dateMs: null, requestMs: NOON_MS - 1500 })).toBe(1500)
  })
  it('the larger of what Date tells and of Age with the time that the request took', () => {
    expect(age({ Age: '10' }, { dateMs: NOON_MS - 4000 })).toBe(10_000)
    expect(age({ Age: '10' }, { dateMs: NOON_MS - 40_000 })).toBe(40_000)
    expect(age({ Age: '10' }, { requestMs: NOON_MS - 2000 })).toBe(12_000)
  })
  it('a Date ahead of our clock is no age', () => expect(age({}, { dateMs: NOON_MS + 9000 })).toBe(0))
  it('the fraction of a second that Date leaves out is no age', () => {
    expect(age({}, { responseMs: NOON_MS + 900, requestMs: NOON_MS + 900, dateMs: NOON_MS })).toBe(0)
  })
  it('§5.1: an invalid Age is ignored, of several the first counts', () => {
    expect(age({ age: 'x' })).toBe(0)
    expect(age({ age: '-5' })).toBe(0)
    expect(age({ age: '7, 9' })).toBe(7000)
  })
})

describe('lifetime (RFC 9111 §4.2.1)', () => {
  const lifetime = (values: Record<string, string>, rules = {}, status = 200) => {
    const read = fields(values)
    return freshnessLifetime(status, read, responseControl(read), AT_NOON, { ...RULES, ...rules })
  }
  const later = (s: number): string => formatHttpDate(NOON_MS + s * 1000)

  it('§5.2.2.10: s-maxage goes before max-age, and max-age before Expires', () => {
    expect(lifetime({ 'cache-control': 's-maxage=1, max-age=2', expires: later(3) })).toEqual({
      ms: 1000,
      source: 's-maxage',
    })
    expect(lifetime({ 'cache-control': 'max-age=2', expires: later(3) }).ms).toBe(2000)
  })
  it('§5.3: Expires counts from Date', () => {
    expect(lifetime({ expires: later(30) })).toEqual({ ms: 30_000, source: 'expires' })
  })
  it('§5.3: an invalid Expires lies in the past', () => {
    for (const expires of ['0', 'never', later(-9), `${later(5)}, ${later(5)}`])
      expect(lifetime({ expires })).toEqual({ ms: 0, source: 'expires' })
  })
  it('RFC 9213 §2.2: with a targeted field Expires is not looked at', () => {
    const values = { 'cdn-cache-control': 'public', 'cache-control': 'max-age=5', expires: later(30) }
    expect(lifetime(values).source).toBe('none')
  })
  it('a ttl of the route counts for what says nothing, by status', () => {
    const ttlMs = (status: number): number | null => (status === 404 ? 5000 : null)
    expect(lifetime({}, { ttlMs }, 404)).toEqual({ ms: 5000, source: 'ttl' })
    expect(lifetime({}, { ttlMs }, 200).source).toBe('none')
    expect(lifetime({ 'cache-control': 'max-age=1' }, { ttlMs }, 404).ms).toBe(1000)
  })
  it('§4.2.2: heuristics only as an option, a share of the time since the last change, up to a bound', () => {
    const values = { 'last-modified': later(-1000) }
    expect(lifetime(values).source).toBe('none')
    const heuristic = { share: 0.1, maxMs: 60_000 }
    expect(lifetime(values, { heuristic })).toEqual({ ms: 60_000, source: 'heuristic' })
    expect(lifetime({ 'last-modified': later(-100) }, { heuristic }).ms).toBe(10_000)
    expect(lifetime(values, { heuristic }, 302).source).toBe('none')
    expect(lifetime({ ...values, 'cache-control': 'public' }, { heuristic }, 302).source).toBe('heuristic')
  })
})

describe('windows of stale use (RFC 5861)', () => {
  const own = { whileRevalidateMs: 1000, ifErrorMs: 2000 }
  const windows = (field: string, routes = own) => staleWindows(parseCacheControl(field), routes)

  it('none by default', () => {
    expect(windows('max-age=1', { whileRevalidateMs: 0, ifErrorMs: 0 })).toEqual({
      whileRevalidateMs: 0,
      ifErrorMs: 0,
    })
  })
  it('what the response says goes before the option of the route', () => {
    expect(windows('max-age=1')).toEqual(own)
    expect(windows('stale-while-revalidate=7, stale-if-error=0')).toEqual({
      whileRevalidateMs: 7000,
      ifErrorMs: 0,
    })
  })
  it.each(['must-revalidate', 'proxy-revalidate', 'no-cache'])('RFC 9111 §4.2.4: %s shuts both', (name) => {
    expect(windows(`${name}, stale-while-revalidate=7, stale-if-error=7`)).toEqual({
      whileRevalidateMs: 0,
      ifErrorMs: 0,
    })
  })
  it('§5.2.2.10: s-maxage shuts those of the route, not those that stand beside it', () => {
    expect(windows('s-maxage=1')).toEqual({ whileRevalidateMs: 0, ifErrorMs: 0 })
    expect(windows('s-maxage=1, stale-if-error=7').ifErrorMs).toBe(7000)
  })
})
