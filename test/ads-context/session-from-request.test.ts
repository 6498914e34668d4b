import { afterEach, describe, expect, it } from 'vitest'
import { claimContext } from '#src/ads/context/index.js'
import {
  createPrivacyAwareContext,
  createSessionFromRequest,
  endContext,
  getUserIdFromCookies,
  logServing,
  parseCookies,
  SessionContext,
  StaleContextError,
  watchContexts,
} from '#src/ads/index.js'
import { Headers } from '#src/session/headers.js'
import { RecordingLogger } from '../support/fake-upstream.js'
import { PURPOSE_ONE_REFUSED, tcString } from '../support/tc-strings.js'

const withCookie = (cookie: string, url?: string) => ({ headers: { cookie }, url })

describe('parseCookies', () => {
  it.each([
    ['a=1; b=2', { a: '1', b: '2' }],
    ['q="quoted value"', { q: 'quoted value' }],
    ['t=x=y==', { t: 'x=y==' }],
    ['p=a%20b%3D', { p: 'a b=' }],
    ['bad=%E0%A4%A', { bad: '%E0%A4%A' }],
    ['d=first; d=second', { d: 'first' }],
    [';;  ; =x; lonely; ok=1', { ok: '1' }],
    ['', {}],
  ])('B-17 reads %j', (field, cookies) => {
    expect({ ...parseCookies(field) }).toEqual(cookies)
  })

  it('B-17 takes __proto__ and constructor as names, and never throws', () => {
    const cookies = parseCookies('__proto__=x; constructor=y')
    expect(Object.entries(cookies)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ])
    expect(Object.getPrototypeOf(cookies)).toBeNull()
    expect(parseCookies(null)).toEqual(Object.create(null))
    expect(parseCookies('"=";\0\u{1F600}=%')).toBeTypeOf('object')
  })
})

describe('createSessionFromRequest', () => {
  it('B-36 has exactly user_id and session_id, with these defaults', () => {
    expect({ ...createSessionFromRequest({}).cookies }).toEqual({ user_id: 'anonymous', session_id: '' })
    const context = createSessionFromRequest(withCookie('user_id=u7; session_id=s9; other=1'))
    expect({ ...context.cookies }).toEqual({ user_id: 'u7', session_id: 's9' })
  })

  it('B-16, B-62 an absent or empty id is anonymous', () => {
    expect(createSessionFromRequest(withCookie('user_id=')).cookies['user_id']).toBe('anonymous')
    expect(getUserIdFromCookies({})).toBe('anonymous')
    expect(getUserIdFromCookies({ user_id: '' })).toBe('anonymous')
    expect(getUserIdFromCookies({ user_id: 'u' })).toBe('u')
  })

  it.each([
    ['a map of fields', { headers: new Headers('Cookie: user_id=u1\r\n') }],
    ['a fetch request', new Request('http://x/', { headers: { cookie: 'user_id=u1' } })],
    ['fields as a record', { headers: { cookie: 'user_id=u1' } }],
    ['parsed cookies', { cookies: { user_id: 'u1' } }],
  ])('B-17 reads %s', (_, request) => {
    // A fetch request that is made here may not carry cookies; everything else does.
    const expected = request instanceof Request && request.headers.get('cookie') === null ? 'anonymous' : 'u1'
    expect(createSessionFromRequest(request).cookies['user_id']).toBe(expected)
  })

  it('F-30 an id that does not verify is anonymous', () => {
    const verifyUserId = (value: string) => (value.endsWith('.good') ? value.slice(0, -5) : null)
    const of = (cookie: string) =>
      createSessionFromRequest(withCookie(cookie), { verifyUserId }).cookies['user_id']
    expect(of('user_id=u1.good')).toBe('u1')
    expect(of('user_id=u1')).toBe('anonymous')
  })

  it('B-37 logs for whom, the id itself only while debugging', () => {
    const context = createSessionFromRequest(withCookie('user_id=alice'))
    const [quiet, loud] = [new RecordingLogger(), new RecordingLogger('debug')]
    logServing(quiet, context)
    logServing(loud, context)
    logServing(quiet, SessionContext.create())
    expect(loud.records[0]?.msg).toBe('Serving ad for user: alice')
    expect(quiet.records[0]?.msg).toMatch(/^Serving ad for user: user-[0-9a-f]{12}$/)
    expect(quiet.records[1]?.msg).toBe('Serving ad for user: anonymous')
  })
})

describe('createPrivacyAwareContext', () => {
  it.each([
    ['gdpr_consent=1; user_id=u1', 'u1'],
    ['gdpr_consent=0; user_id=u1', 'anonymous'],
    ['gdpr_consent=; user_id=u1', 'anonymous'],
    ['gdpr_consent=true; user_id=u1', 'anonymous'],
    ['user_id=u1', 'anonymous'],
    ['gdpr_consent=1', 'anonymous'],
  ])('B-38 %j gives %s', (cookie, user) => {
    const { cookies } = createPrivacyAwareContext(withCookie(`${cookie}; session_id=s; ifa=x`))
    expect({ ...cookies }).toEqual({ user_id: user })
  })

  const granted = tcString({ consents: [1, 2, 3, 4, 7] })
  it.each([
    ['consent of both', 'gdpr_consent=1', `?gdpr=1&gdpr_consent=${granted}`, 'u1'],
    ['consent by the string alone', '', `?gdpr=1&gdpr_consent=${granted}`, 'u1'],
    ['the cookie refuses', 'gdpr_consent=0', `?gdpr=1&gdpr_consent=${granted}`, 'anonymous'],
    ['the string refuses', 'gdpr_consent=1', `?gdpr=1&gdpr_consent=${PURPOSE_ONE_REFUSED}`, 'anonymous'],
    ['no string', 'gdpr_consent=1', '?gdpr=1', 'anonymous'],
    ['opted out of sale', 'gdpr_consent=1', '?us_privacy=1YYN', 'anonymous'],
    ['a child', 'gdpr_consent=1', '?coppa=1', 'anonymous'],
    ['limited tracking', 'gdpr_consent=1', '?lmt=1', 'anonymous'],
  ])('B-39 the strictest decides: %s', (_, cookie, query, user) => {
    const request = withCookie(`user_id=u1; ${cookie}`, `/vast${query}`)
    const context = createPrivacyAwareContext(request, { ipAddress: '203.0.113.7', deviceId: 'ifa-1' })
    expect(context.cookies['user_id']).toBe(user)
    expect(context.deviceId).toBe(user === 'u1' ? 'ifa-1' : undefined)
    expect(context.ipAddress).toBe('203.0.113.0')
  })
})

describe('contexts of other requests', () => {
  afterEach(() => watchContexts(false))

  it('B-60 a context that is used for a second request is found out in development', () => {
    watchContexts(true)
    const [first, second] = [{}, {}]
    const context = SessionContext.create()
    claimContext(context, first)
    expect(() => claimContext(context, first)).not.toThrow()
    expect(() => claimContext(context, second)).toThrow(StaleContextError)
    endContext(context)
    expect(() => claimContext(context, first)).toThrow('has been answered already')
  })

  it('B-60 so is one that is kept', () => {
    watchContexts(true)
    const json = { ...SessionContext.create().toJSON(), timestamp: Date.now() - 301_000 }
    expect(() => claimContext(SessionContext.fromJSON(json), {})).toThrow('more than 5 minutes old')
  })

  it('B-60 nothing is checked outside development', () => {
    const context = SessionContext.create()
    claimContext(context, {})
    endContext(context)
    expect(() => claimContext(context, {})).not.toThrow()
  })
})
