import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  BlockFields,
  cacheKey,
  cacheStatus,
  invalidatedUrls,
  type KeyRules,
  PLAIN_KEY,
  requestScheme,
  usableVary,
  variance,
  variantKey,
  varyNames,
} from '#src/cache/rules/index.js'
import { fields } from './support.js'

const key = (
  rules: Partial<KeyRules> = {},
  { target = '/a', host = 'h', scheme = 'http' } = {},
  request: Record<string, string> = {},
): string => cacheKey({ scheme, host, target }, fields(request), { ...PLAIN_KEY, ...rules })

describe('keys', () => {
  it('F-33 scheme, host, path and query make different keys', () => {
    const keys = [
      key(),
      key({}, { host: 'i' }),
      key({}, { scheme: 'https' }),
      key({}, { target: '/b' }),
      key({}, { target: '/a?' }),
      key({}, { target: '/a?x' }),
      key({}, { host: 'h:8080' }),
    ]
    expect(new Set(keys).size).toBe(keys.length)
  })
  it('RFC 9110 §4.2.3: hosts without regard to case, the implied port is none', () => {
    expect(key({}, { host: 'H:80' })).toBe(key())
    expect(key({}, { host: 'h:' })).toBe(key())
    expect(key({}, { host: 'h:443', scheme: 'https' })).toBe(key({}, { scheme: 'https' }))
    expect(key({}, { host: 'h:443' })).not.toBe(key())
  })
  it('a folder is a prefix of the keys beneath it', () => {
    expect(key({}, { target: '/static/a.css?v=1' }).startsWith('http://h/static/')).toBe(true)
  })
  it('B19 parameters outside the list are no part of the key, also when they are written with escapes', () => {
    const only = { query: { kind: 'only', names: ['id'] } } as const
    expect(key(only, { target: '/a?utm=1&id=7' })).toBe(key({}, { target: '/a?id=7' }))
    expect(key(only, { target: '/a?%69d=7' })).toBe(key({}, { target: '/a?%69d=7' }))
    expect(key(only, { target: '/a?utm=1' })).toBe(key())
    const except = { query: { kind: 'except', names: ['utm'] } } as const
    expect(key(except, { target: '/a?%75tm=1&id=7' })).toBe(key({}, { target: '/a?id=7' }))
    expect(key({ query: { kind: 'none' } }, { target: '/a?x=1' })).toBe(key())
  })
  it('sorted, the order of parameters means nothing, that of values of one name stays', () => {
    const sorted = { sortQuery: true }
    expect(key(sorted, { target: '/a?b=1&a=2' })).toBe(key(sorted, { target: '/a?a=2&b=1' }))
    expect(key(sorted, { target: '/a?a=1&a=2' })).not.toBe(key(sorted, { target: '/a?a=2&a=1' }))
    expect(key({}, { target: '/a?b=1&a=2' })).not.toBe(key({}, { target: '/a?a=2&b=1' }))
  })
  it('fields and cookies; absent is not empty', () => {
    const rules = { headers: ['x-t'], cookies: ['s'] }
    const keys = [
      key(rules),
      key(rules, {}, { 'x-t': '' }),
      key(rules, {}, { 'x-t': 'a' }),
      key(rules, {}, { cookie: 's=a' }),
      key(rules, {}, { cookie: 's=' }),
    ]
    expect(new Set(keys).size).toBe(5)
    expect(key(rules, {}, { cookie: 'other=1; s=a' })).toBe(key(rules, {}, { cookie: 's=a' }))
  })
  it('lengths keep apart what different parts could spell together', () => {
    const rules = { headers: ['x-a', 'x-b'] }
    fc.assert(
      fc.property(
        fc.tuple(fc.string(), fc.string()),
        fc.tuple(fc.string(), fc.string()),
        ([a, b], [c, d]) => {
          const of = (first: string, second: string): string =>
            cacheKey(
              { scheme: 'http', host: 'h', target: '/' },
              { get: (n) => (n === 'x-a' ? first : second) },
              {
                ...PLAIN_KEY,
                ...rules,
              },
            )
          expect(of(a, b) === of(c, d)).toBe(a === c && b === d)
        },
      ),
    )
  })
})

describe('Vary (RFC 9111 §4.1)', () => {
  const select = (names: string, request: Record<string, string>): string => {
    const list = varyNames(names)
    return list === '*' ? '*' : variance(list, fields(request))
  }
  it('the order and spelling of names mean nothing', () => {
    expect(varyNames('B, a,, A')).toEqual(['a', 'b'])
    expect(varyNames(null)).toEqual([])
    expect(varyNames('a, *')).toBe('*')
  })
  it('whitespace, and order and case of preferences mean nothing', () => {
    const names = 'accept-encoding'
    const a = select(names, { 'Accept-Encoding': 'gzip, BR' })
    expect(select(names, { 'accept-encoding': 'br,gzip;q=1.0' })).toBe(a)
    expect(select(names, { 'accept-encoding': 'br;q=0.5, gzip' })).not.toBe(a)
    expect(select(names, { 'accept-encoding': 'gzip' })).not.toBe(a)
    expect(select('x', { x: ' a  b ' })).toBe(select('x', { x: 'a b' }))
  })
  it('weights order, refusals stay', () => {
    const names = 'accept-encoding'
    expect(select(names, { 'accept-encoding': 'gzip;q=0.5, br;q=0.8' })).toBe(
      select(names, { 'accept-encoding': 'br;q=0.8, gzip;q=0.500' }),
    )
    expect(select(names, { 'accept-encoding': 'gzip, *;q=0' })).not.toBe(
      select(names, { 'accept-encoding': 'gzip' }),
    )
  })
  it('absent is not empty', () => expect(select('x', {})).not.toBe(select('x', { x: '' })))
  it('a variant has a key of its own beneath that of its URL', () => {
    const primary = key()
    const variant = variantKey(primary, select('x', { x: '1' }))
    expect(variant.startsWith(primary)).toBe(true)
    expect(variant).not.toBe(variantKey(primary, select('x', { x: '2' })))
  })
  it('names that the route ignores are none, others than it allows are refused', () => {
    expect(usableVary(['a', 'b'], { allow: null, ignore: ['b'] })).toEqual(['a'])
    expect(usableVary(['a', 'b'], { allow: ['a'], ignore: [] })).toBeNull()
    expect(usableVary('*', { allow: null, ignore: [] })).toBeNull()
  })
})

describe('invalidation (RFC 9111 §4.4)', () => {
  const urls = (status: number, response: Record<string, string>): string[] =>
    invalidatedUrls({ scheme: 'http', host: 'H', target: '/a?b' }, status, fields(response), PLAIN_KEY)

  it('the URL itself, and Location and Content-Location of the same origin', () => {
    expect(urls(201, { Location: '/c?d', 'Content-Location': 'http://h/e' })).toEqual([
      'http://h/a?b',
      'http://h/c?d',
      'http://h/e',
    ])
  })
  it('never another origin', () => {
    expect(urls(303, { location: 'http://evil/c' })).toEqual(['http://h/a?b'])
    expect(urls(303, { location: '//evil/c', 'content-location': 'https://h/x' })).toEqual(['http://h/a?b'])
    expect(urls(303, { location: 'http://[' })).toEqual(['http://h/a?b'])
  })
  it('not by an error', () => {
    expect(urls(400, {})).toEqual([])
    expect(urls(503, {})).toEqual([])
  })
})

describe('Cache-Status (RFC 9211)', () => {
  it('a hit tells what is left of its freshness, also when that is past', () => {
    expect(cacheStatus('headgate', { hit: true, ttlS: 30.9 })).toBe('headgate; hit; ttl=30')
    expect(cacheStatus('headgate', { hit: true, ttlS: -5 })).toBe('headgate; hit; ttl=-5')
  })
  it('a forward tells why, what came, and whether it was stored or shared', () => {
    expect(
      cacheStatus('headgate', {
        hit: false,
        forward: 'uri-miss',
        forwardStatus: 200,
        stored: true,
        collapsed: true,
      }),
    ).toBe('headgate; fwd=uri-miss; fwd-status=200; stored; collapsed')
  })
  it('a key is a string of structured fields', () => {
    expect(cacheStatus('h', { hit: true, key: 'http://h/"\\\0é' })).toBe('h; hit; key="http://h/\\"\\\\??"')
  })
})

describe('a block read field by field', () => {
  it('joins lines of one name, whatever their spelling, and finds no name within a value', () => {
    const read = new BlockFields('A: 1\r\nX: a: 9\r\na:2 \r\n')
    expect([read.get('a'), read.get('x'), read.get('b')]).toEqual(['1, 2', 'a: 9', null])
    expect(new BlockFields('').get('a')).toBeNull()
  })
})

describe('the scheme that a client used', () => {
  it.each<[Record<string, string>, string]>([
    [{}, 'http'],
    [{ 'x-forwarded-proto': 'https' }, 'https'],
    [{ 'x-forwarded-proto': 'HTTPS , http' }, 'https'],
    [{ 'x-forwarded-proto': 'wss' }, 'https'],
    [{ 'x-forwarded-proto': 'http, https' }, 'http'],
    [{ 'x-forwarded-proto': 'httpsx' }, 'http'],
    [{ forwarded: 'for=192.0.2.1;proto=https;by=a' }, 'https'],
    [{ forwarded: 'proto="https", proto=http' }, 'https'],
    [{ forwarded: 'proto=http, proto=https' }, 'http'],
    [{ 'x-forwarded-proto': 'http', forwarded: 'proto=https' }, 'http'],
  ])('of %o is %s: what the proxy next to it says (RFC 7239 §5.4)', (values, scheme) => {
    expect(requestScheme(fields(values))).toBe(scheme)
  })
})
