import { readFileSync } from 'node:fs'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { GatewayError, SessionClosed } from '#src/session/errors.js'
import type { RequestHeader, ResponseHeader } from '#src/session/message-headers.js'
import type { ResourceScope } from '#src/session/resource-scope.js'
import type { CacheLookupResult, Peer, Session } from '#src/session/session.js'
import type { SessionTiming } from '#src/session/timing.js'
import { getUserContext, setUserContext } from '#src/session/user-context.js'
import { newSession, responseHeader, sessionWith } from './support.js'

/** Names of the members that are data. */
type DataMembers<T> = { [K in keyof T]: T[K] extends (...args: never[]) => unknown ? never : K }[keyof T]

interface Seed {
  readonly allocator: ResourceScope
  downstreamRequest: RequestHeader | null
  downstreamResponse: ResponseHeader | null
  requestBody: Readonly<Uint8Array> | null
  responseBody: Uint8Array | null
  upstreamPeer: Peer | null
  cacheResult: CacheLookupResult | null
  cacheEnabled: boolean
  readonly timing: SessionTiming
  requestSent: boolean
  responseReceived: boolean
  retryCount: number
  userCtx: string | null
}

const MEMBERS = [
  'allocator',
  'downstreamRequest',
  'downstreamResponse',
  'requestBody',
  'responseBody',
  'upstreamPeer',
  'cacheResult',
  'cacheEnabled',
  'timing',
  'requestSent',
  'responseReceived',
  'retryCount',
  'userCtx',
] as const satisfies readonly (keyof Seed)[]

describe('the structure of a session', () => {
  it('A-15 has exactly the 13 members, of these types', () => {
    expectTypeOf<DataMembers<Session<string>>>().toEqualTypeOf<keyof Seed>()
    expectTypeOf<Pick<Session<string>, keyof Seed>>().branded.toEqualTypeOf<Seed>()
    expectTypeOf<(typeof MEMBERS)[number]>().toEqualTypeOf<keyof Seed>()
    expectTypeOf<Session['userCtx']>().toEqualTypeOf<unknown>()
  })

  it('A-15 has these 13 members at run time', () => {
    const prototype: object = Object.getPrototypeOf(newSession())
    const accessors = Object.entries(Object.getOwnPropertyDescriptors(prototype))
      .filter(([, { get }]) => get !== undefined)
      .map(([name]) => name)
    expect(accessors.sort()).toEqual([...MEMBERS].sort())
    expect(Object.keys(newSession())).toEqual([])
  })

  it('A-72 what a phase has yet to set is nullable, and the linter lets nobody assert it away', () => {
    type Nullable = { [K in keyof Seed]: null extends Seed[K] ? K : never }[keyof Seed]
    expectTypeOf<Nullable>().toEqualTypeOf<
      | 'downstreamRequest'
      | 'downstreamResponse'
      | 'requestBody'
      | 'responseBody'
      | 'upstreamPeer'
      | 'cacheResult'
      | 'userCtx'
    >()
    expectTypeOf<ReturnType<Session['reqHeader']>>().extract<null>().toEqualTypeOf<null>()
    expectTypeOf<ReturnType<Session['respHeader']>>().extract<null>().toEqualTypeOf<null>()
    const file = new URL('../../biome.json', import.meta.url)
    const { linter } = JSON.parse(readFileSync(file, 'utf8')) as { linter: { rules: object } }
    expect(linter.rules).toMatchObject({ style: { noNonNullAssertion: 'error' } })
  })

  it('A-03, A-04, A-05, A-06, A-07, A-08, A-14, A-15 starts with nulls', () => {
    const session = newSession()
    for (const member of [
      'downstreamRequest',
      'downstreamResponse',
      'requestBody',
      'responseBody',
      'upstreamPeer',
      'cacheResult',
      'userCtx',
    ] as const) {
      expect(session[member], member).toBeNull()
    }
  })

  it('A-09, A-11, A-12, A-13, A-15 starts with nothing done', () => {
    const { cacheEnabled, requestSent, responseReceived, retryCount } = newSession()
    expect({ cacheEnabled, requestSent, responseReceived, retryCount }).toEqual({
      cacheEnabled: false,
      requestSent: false,
      responseReceived: false,
      retryCount: 0,
    })
  })

  it('A-10, A-30 has a timing with the start of the request and nothing else', () => {
    expect(newSession(1234.5).timing).toEqual({
      requestStart: 1234.5,
      upstreamConnect: null,
      upstreamRequestSent: null,
      upstreamResponseStart: null,
      upstreamResponseEnd: null,
      responseSent: null,
      attempts: [],
    })
  })

  it('A-03, A-61 has its request once the first phase has set it, with the views following', () => {
    const session = newSession()
    expect(session.reqHeader()).toBeNull()
    expect(session.reqHeaderMut()).toBeNull()
    const { downstreamRequest } = sessionWith('GET', '/')
    session.downstreamRequest = downstreamRequest
    expect(session.reqHeader()?.method).toBe('GET')
  })

  it('A-05 requestBody cannot be written into, at compile time', () => {
    const session = newSession()
    session.requestBody = new Uint8Array(1)
    // @ts-expect-error the bytes are read-only
    session.requestBody[0] = 1
    expect(session.requestBody.length).toBe(1)
  })

  it('A-13 retryCount is never negative and never fractional', () => {
    const session = newSession()
    for (const wrong of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => {
        session.retryCount = wrong
      }).toThrow(RangeError)
    }
    session.retryCount = 2
    expect(session.retryCount).toBe(2)
  })
})

describe('the request of a session', () => {
  it('A-16 reqHeader() cannot be written, at compile time and at run time', () => {
    const session = sessionWith('GET', '/a')
    const request = session.reqHeader()
    if (request === null) throw new Error('no request')
    expect(() => {
      // @ts-expect-error read-only
      request.method = 'POST'
    }).toThrow(TypeError)
    expect(() => {
      // @ts-expect-error read-only
      request.uri.path = '/b'
    }).toThrow(TypeError)
    expect(() => {
      // @ts-expect-error there is no such method
      request.headers.append('x', '1')
    }).toThrow(TypeError)
    expect(() => {
      // @ts-expect-error read-only
      request.headers = new Map()
    }).toThrow(TypeError)
    expect(session.reqHeader()?.method).toBe('GET')
    expect(session.reqHeader()?.uri.path).toBe('/a')
    expect(session.reqHeader()?.headers.size).toBe(1)
  })

  it('A-17 has method, path without query, and headers without regard to case', () => {
    const session = sessionWith('POST', '/ads/v1?x=1&y', 'Host: Example.com\r\nx-empty:\r\n')
    const request = session.reqHeader()
    expect(request?.method).toBe('POST')
    expect(request?.uri).toEqual({ path: '/ads/v1', query: 'x=1&y', raw: '/ads/v1?x=1&y' })
    expect(request?.headers.get('hOST')).toBe('Example.com')
    expect(request?.headers.get('x-empty')).toBe('')
    expect(request?.headers.get('x-absent')).toBeNull()
  })

  it.each(['GET', 'PURGE', 'M-SEARCH'])('A-18 the method %s survives unchanged', (method) => {
    expect(sessionWith(method, '/').reqHeader()?.method).toBe(method)
  })

  it('A-20 changes through reqHeaderMut() are visible in reqHeader()', () => {
    const session = sessionWith('GET', '/a?b')
    const before = session.reqHeader()
    const request = session.reqHeaderMut()
    if (request === null) throw new Error('no request')
    request.method = 'PUT'
    request.target = '/c?d'
    request.headers.append('x', '1')
    for (const seen of [before, session.reqHeader()]) {
      expect(seen?.method).toBe('PUT')
      expect(seen?.uri).toEqual({ path: '/c', query: 'd', raw: '/c?d' })
      expect(seen?.headers.get('x')).toBe('1')
    }
  })

  it.each(['', 'a', 'http://b/', '/a b', '/a\r\n', '/a\nx', '/ä', '/a#b', '/\0', '**'])(
    'A-24 the target %j is refused',
    (target) => {
      const request = sessionWith('GET', '/a').reqHeaderMut()
      expect(() => {
        if (request !== null) request.target = target
      }).toThrow(expect.objectContaining({ name: 'InvalidHeader' }))
      expect(request?.target).toBe('/a')
    },
  )

  it.each(['', 'G ET', 'GET\r\n', 'GÉT', 'a/b'])('A-24 the method %j is refused', (method) => {
    const request = sessionWith('GET', '/a').reqHeaderMut()
    expect(() => {
      if (request !== null) request.method = method
    }).toThrow(expect.objectContaining({ name: 'InvalidHeader' }))
    expect(request?.method).toBe('GET')
  })
})

describe('the response of a session', () => {
  it('A-27 is null before there is one, then has a status code that is a number', () => {
    const session = sessionWith('GET', '/')
    expect(session.respHeader()).toBeNull()
    expect(session.respHeaderMut()).toBeNull()
    session.downstreamResponse = responseHeader(404, 'Content-Type: text/html\r\n')
    expect(session.respHeader()?.status.code).toBe(404)
    expect(session.respHeader()?.headers.get('content-type')).toBe('text/html')
  })

  it('A-29 changes through respHeaderMut() are visible in respHeader(), which cannot be written', () => {
    const session = sessionWith('GET', '/')
    session.downstreamResponse = responseHeader(200, 'x-internal-debug: 1\r\n')
    const view = session.respHeader()
    session.respHeaderMut()?.headers.append('X-Frame-Options', 'DENY')
    session.respHeaderMut()?.headers.remove('X-Internal-Debug')
    session.respHeaderMut()?.setStatus(201, 'Made')
    expect(view?.status).toEqual({ code: 201, text: 'Made' })
    expect([...(view?.headers ?? [])]).toEqual([['X-Frame-Options', 'DENY']])
    expect(() => {
      // @ts-expect-error read-only
      if (view !== null) view.status = { code: 500, text: '' }
    }).toThrow(TypeError)
  })

  it.each([
    [199, ''],
    [600, ''],
    [200.5, ''],
    [Number.NaN, ''],
    [200, 'a\r\nx: 1'],
    [200, 'a\nb'],
    [200, 'ä'],
    [200, '\0'],
  ])('B15 the status %d %j is refused', (code, text) => {
    const head = responseHeader(200)
    expect(() => head.setStatus(code, text)).toThrow(expect.objectContaining({ name: 'InvalidHeader' }))
    expect(head.status).toEqual({ code: 200, text: '' })
  })
})

describe('what a session owns', () => {
  it('A-02 releases run once each, in reverse order, also behind one that throws', () => {
    const session = newSession()
    const order: string[] = []
    session.defer(() => order.push('a'))
    session.allocator.defer(() => order.push('b'))
    session.defer(() => {
      order.push('c')
      throw new Error('c')
    })
    session.defer(() => order.push('d'))
    expect(session.deinit()).toEqual([new Error('c')])
    expect(session.deinit()).toEqual([])
    session[Symbol.dispose]()
    expect(order).toEqual(['d', 'c', 'b', 'a'])
  })

  it('A-02 Symbol.dispose ends the session', () => {
    const session = newSession()
    let released = 0
    session.defer(() => {
      released += 1
    })
    session[Symbol.dispose]()
    expect(released).toBe(1)
    expect(() => session.userCtx).toThrow(SessionClosed)
  })

  it('A-44 user context is null when unset, then the same object', () => {
    const session = newSession<{ readonly userId: string }>()
    expect(getUserContext(session)).toBeNull()
    const context = { userId: 'u1' }
    setUserContext(session, context)
    expect(getUserContext(session)).toBe(context)
    expectTypeOf(getUserContext(session)).toEqualTypeOf<{ readonly userId: string } | null>()
  })
})

describe('A-75 after its end', () => {
  const calls: Record<string, (session: Session) => unknown> = {
    ...Object.fromEntries(MEMBERS.map((member) => [member, (session: Session) => session[member]])),
    reqHeader: (session) => session.reqHeader(),
    reqHeaderMut: (session) => session.reqHeaderMut(),
    respHeader: (session) => session.respHeader(),
    respHeaderMut: (session) => session.respHeaderMut(),
    defer: (session) => session.defer(() => undefined),
    requestId: (session) => session.requestId(),
    clientAddress: (session) => session.clientAddress(),
    routeName: (session) => session.routeName(),
    setUserContext: (session) => setUserContext(session, 1),
    getUserContext: (session) => getUserContext(session),
    'a write': (session) => {
      session.cacheEnabled = true
    },
  }

  it.each(Object.entries(calls))('%s throws SessionClosed', (_name, call) => {
    const session = sessionWith('GET', '/')
    call(session)
    session.deinit()
    expect(() => call(session)).toThrow(SessionClosed)
    expect(() => call(session)).toThrow(GatewayError)
  })

  it('what was taken out before still shows its own request, never another one', () => {
    const session = sessionWith('GET', '/mine', 'host: mine\r\n')
    const request = session.reqHeader()
    session.deinit()
    sessionWith('GET', '/other', 'host: other\r\n')
    expect(request?.uri.path).toBe('/mine')
    expect(request?.headers.get('host')).toBe('mine')
  })
})
