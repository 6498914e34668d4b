import { describe, expect, it } from 'vitest'
import { bypassReason, decodeMeta, isUnkeyed, storeDecision, surrogateTags } from '#src/cache/rules/index.js'
import { AT_NOON, entry, fields, GET, NOON_MS, RULES } from './support.js'

type Values = Record<string, string>

function reason(values: Values, { status = 200, request = {}, rules = {} } = {}): string {
  const decision = storeDecision({ ...GET, ...request }, status, fields(values), AT_NOON, {
    ...RULES,
    ...rules,
  })
  return decision.store ? 'stored' : decision.reason
}
const FRESH = { 'cache-control': 'max-age=60' }

describe('what is stored (RFC 9111 §3)', () => {
  it('A-49 an answer with explicit freshness', () => {
    expect(reason(FRESH)).toBe('stored')
    expect(reason({ expires: 'Thu, 15 Jan 2026 13:00:00 GMT' })).toBe('stored')
  })
  it('F-52 nothing that says nothing about its freshness, also with validators', () => {
    expect(reason({})).toBe('no-freshness')
    expect(reason({ etag: '"a"', 'last-modified': 'Thu, 15 Jan 2026 11:00:00 GMT' })).toBe('no-freshness')
    expect(reason({ 'cache-control': 'public' })).toBe('no-freshness')
  })
  it('B20 cacheability comes from the answer, not from what the path looks like', () => {
    expect(reason({ 'content-type': 'text/css' })).toBe('no-freshness')
  })
  it('§5.2.2.5: no-store', () => expect(reason({ 'cache-control': 'no-store, max-age=60' })).toBe('no-store'))
  it('§5.2.1.5: no-store in the request', () => {
    expect(reason(FRESH, { request: { noStore: true } })).toBe('request-no-store')
  })
  it('§5.2.2.7: private; with fields only those are left out', () => {
    expect(reason({ 'cache-control': 'private, max-age=60' })).toBe('private')
    const head = entry({ 'cache-control': 'private="x-user", max-age=60', 'X-User': 'u', 'x-a': '1' })
    expect(decodeMeta(head.meta).headerBlock).toBe(
      'cache-control: private="x-user", max-age=60\r\nx-a: 1\r\n',
    )
  })
  it('§5.2.2.4: no-cache="field" leaves that field out, no-cache is stored to be validated', () => {
    const head = entry({ 'cache-control': 'no-cache="x-user", max-age=60', 'X-User': 'u' })
    expect(decodeMeta(head.meta).headerBlock).not.toContain('X-User')
    expect(reason({ 'cache-control': 'no-cache', etag: '"a"' })).toBe('stored')
    expect(reason({ 'cache-control': 'no-cache' })).toBe('no-freshness')
  })
  it('F-33 B19: Set-Cookie never, unless the answer itself says that the field is private', () => {
    expect(reason({ ...FRESH, 'set-cookie': 'a=1' })).toBe('set-cookie')
    expect(reason({ 'cache-control': 'public, max-age=60', 'Set-Cookie': 'a=1' })).toBe('set-cookie')
    const head = entry({ 'cache-control': 'max-age=60, private="Set-Cookie"', 'Set-Cookie': 'a=1' })
    expect(decodeMeta(head.meta).headerBlock).not.toMatch(/^set-cookie:/im)
  })
  it.each(['public', 'must-revalidate', 's-maxage=60'])('§3.5: with Authorization it takes %s', (word) => {
    const request = { authorized: true }
    expect(reason(FRESH, { request })).toBe('authorization')
    expect(reason({ 'cache-control': `max-age=60, ${word}` }, { request })).toBe('stored')
  })
  it('§3.3: 206 and 304 are never taken for a whole answer', () => {
    for (const status of [206, 304]) expect(reason(FRESH, { status })).toBe('status')
  })
  it('§5.2.2.3: must-understand', () => {
    const values = { 'cache-control': 'max-age=60, must-understand, no-store' }
    expect(reason(values)).toBe('stored')
    expect(reason(values, { status: 299 })).toBe('status')
    expect(reason(FRESH, { status: 299 })).toBe('stored')
  })
  it('B19 CPDoS: errors only with a lifetime of their own or of the route', () => {
    for (const status of [400, 404, 405, 500, 503]) {
      expect(reason({}, { status })).toBe('no-freshness')
      expect(reason({ etag: '"a"' }, { status })).toBe('no-freshness')
      expect(reason({}, { status, rules: { ttlMs: () => 1000 } })).toBe('stored')
    }
  })
  it('a field that cannot be read may have been a restriction', () => {
    expect(reason({ 'cache-control': 'max-age=60; private' })).toBe('malformed')
  })
  it('RFC 9213: stored by what is said to caches like this one', () => {
    expect(reason({ 'cache-control': 'no-store', 'cdn-cache-control': 'max-age=9' })).toBe('stored')
    expect(reason({ 'cache-control': 'max-age=9', 'cdn-cache-control': 'no-store' })).toBe('no-store')
  })
  it('only answers to GET', () => expect(reason(FRESH, { request: { method: 'HEAD' } })).toBe('method'))
  it('§4.1: Vary: * and, with a list of the route, what is not on it', () => {
    expect(reason({ ...FRESH, vary: '*' })).toBe('vary')
    expect(reason({ ...FRESH, vary: 'accept, *' })).toBe('vary')
    expect(reason({ ...FRESH, vary: 'accept encoding' })).toBe('vary')
    const rules = { vary: { allow: ['accept-encoding'], ignore: ['origin'] } }
    expect(reason({ ...FRESH, vary: 'Accept-Encoding, Origin' }, { rules })).toBe('stored')
    expect(reason({ ...FRESH, vary: 'Accept-Encoding, Cookie' }, { rules })).toBe('vary')
  })
})

describe('the stored entry', () => {
  it('goes without the fields of one hop, its age and what the gateway writes', () => {
    const head = entry({
      ...FRESH,
      Age: '5',
      Date: 'Thu, 15 Jan 2026 12:00:00 GMT',
      'Proxy-Authenticate': 'x',
      'X-Request-Id': 'r',
      'Content-Length': '3',
      'Content-Type': 'text/plain',
    })
    expect(decodeMeta(head.meta).headerBlock).toBe(
      'cache-control: max-age=60\r\nContent-Type: text/plain\r\n',
    )
    expect(head).toMatchObject({ bornMs: NOON_MS - 5000, freshUntilMs: NOON_MS + 55_000, status: 200 })
  })
  it('its meta is read as it was written', () => {
    const head = entry({ ...FRESH, ETag: 'W/"a b"', 'Last-Modified': 'Thu, 15 Jan 2026 11:00:00 GMT' })
    expect(decodeMeta(head.meta)).toMatchObject({
      statusText: 'OK',
      etag: '',
      dateMs: NOON_MS,
      varyNames: [],
    })
    expect(decodeMeta(entry({ ...FRESH, ETag: 'W/"a"' }).meta).etag).toBe('W/"a"')
    expect(head.lastModifiedMs).toBe(NOON_MS - 3_600_000)
  })
  it('surrogate tags come in both spellings, bounded', () => {
    expect(surrogateTags(fields({ 'Surrogate-Key': 'a b', 'Cache-Tag': 'c d, e' }))).toEqual([
      'a',
      'b',
      'c d',
      'e',
    ])
    const many = Array.from({ length: 100 }, (_, i) => `t${i}`).join(' ')
    expect(surrogateTags(fields({ 'surrogate-key': `${'x'.repeat(300)} ${many}` }))).toHaveLength(64)
    expect(surrogateTags(fields({}))).toEqual([])
  })
})

describe('what goes past the cache, and what the origin is not told (B19)', () => {
  it('other methods, a GET with a body, conditions that only the origin can evaluate', () => {
    expect(bypassReason('POST', false, fields())).toBe('method')
    expect(bypassReason('GET', true, fields())).toBe('bypass')
    expect(bypassReason('GET', false, fields({ 'if-match': '"a"' }))).toBe('bypass')
    expect(bypassReason('GET', false, fields({ 'if-unmodified-since': 'x' }))).toBe('bypass')
    expect(bypassReason('HEAD', false, fields())).toBeNull()
  })
  it.each(['x-forwarded-host', 'x-forwarded-for', 'forwarded', 'x-original-url', 'x-http-method-override'])(
    '%s unless it is part of the key',
    (name) => {
      expect(isUnkeyed(name, [])).toBe(true)
      expect(isUnkeyed(name, [name])).toBe(false)
    },
  )
  it('other fields are forwarded', () => expect(isUnkeyed('accept', [])).toBe(false))
})
