import { describe, expect, it } from 'vitest'
import { type Filter, type FilterResponse, reject, respond } from '#src/lifecycle/index.js'
import { Headers } from '#src/session/headers.js'
import type { Session } from '#src/session/session.js'
import { type TestUpstream, testFilter } from '#src/testing/index.js'
import { bytes, errorDocument } from './support.js'

function answering(response: FilterResponse): Filter {
  return { name: 'answering', requestFilter: () => respond(response) }
}

describe('an answer of a filter', () => {
  it('has a body of text, of bytes, or none', async () => {
    const text = await testFilter(answering({ status: 200, body: 'grüße' })).request()
    expect(text.text()).toBe('grüße')
    expect(text.contentLength).toBe(7)
    const binary = await testFilter(answering({ status: 200, body: bytes(300_000) })).request()
    expect(Buffer.compare(binary.body, bytes(300_000))).toBe(0)
    expect(binary.contentLength).toBe(300_000)
    const none = await testFilter(answering({ status: 404 })).request()
    expect(none.contentLength).toBe(0)
    expect(none.statusText).toBe('Not Found')
    expect([...none.headers]).toEqual([])
  })

  it('has a type, so that no browser guesses one from what a client put into it', async () => {
    const text = await testFilter(answering({ status: 200, body: '<b>' })).request()
    expect(text.headers.getAll('content-type')).toEqual(['text/plain; charset=utf-8'])
    const own = await testFilter(
      answering({ status: 200, headers: { 'Content-Type': 'text/html' }, body: '<b>' }),
    ).request()
    expect(own.headers.getAll('content-type')).toEqual(['text/html'])
    const binary = await testFilter(answering({ status: 200, body: bytes(3) })).request()
    expect(binary.headers.has('content-type')).toBe(false)
  })

  it('takes headers as a record, as pairs, or as they came', async () => {
    const headers = new Headers('a: 1\r\nset-cookie: x\r\nset-cookie: y\r\n')
    for (const given of [headers, [...headers], { a: '1', 'set-cookie': ['x', 'y'] }]) {
      const answer = await testFilter(answering({ status: 200, headers: given })).request()
      expect([...answer.headers]).toEqual([...headers])
    }
  })

  it("has no framing but the gateway's own", async () => {
    const headers = {
      'Content-Length': '99',
      'transfer-encoding': 'chunked',
      connection: 'x',
      date: 'now',
      'x-a': '1',
    }
    const answer = await testFilter(answering({ status: 200, headers, body: bytes(2) })).request()
    expect([...answer.headers]).toEqual([['x-a', '1']])
    expect(answer.contentLength).toBe(2)
  })

  it('to HEAD announces its length and has no body', async () => {
    const answer = await testFilter(answering({ status: 200, body: 'abc' })).request({ method: 'HEAD' })
    expect(answer.contentLength).toBe(3)
    expect(answer.body.length).toBe(0)
  })

  it.each([204, 205, 304])('of status %d has no body', async (status) => {
    for (const method of ['GET', 'HEAD']) {
      const answer = await testFilter(answering({ status, body: 'abc' })).request({ method })
      expect(answer.status).toBe(status)
      expect(answer.body.length).toBe(0)
      expect(answer.contentLength).toBeNull()
    }
  })

  it.each<[string, unknown]>([
    ['a status below 200', { status: 199 }],
    ['a status above 599', { status: 600 }],
    ['a status that is no number', { status: '200' }],
    ['no status', {}],
    ['a body that is no body', { status: 200, body: { a: 1 } }],
    ['a header that is no text', { status: 200, headers: { a: 5 } }],
    ['nothing', undefined],
  ])('with %s is a failure of the filter: 500', async (_what, response) => {
    const kit = testFilter(answering(response as FilterResponse))
    const answer = await kit.request()
    expect(answer.status).toBe(500)
    expect(errorDocument(answer)['message']).toBe("filter 'answering' failed in requestFilter")
    expect(kit.logs).toHaveLength(1)
  })

  it('that is on its way to the client is not overtaken by the deadline of the session', async () => {
    const kit = testFilter(answering({ status: 200, body: 'x' }), { timeouts: { totalMs: 1000 } })
    const pending = kit.request()
    kit.advance(5000)
    const answer = await pending
    expect([answer.status, answer.error]).toEqual([200, null])
    expect(answer.session.timing.responseSent).not.toBeNull()
  })

  it('in the middle of an upload ends it', async () => {
    let pulled = 0
    const answer = await testFilter(answering({ status: 200, body: 'enough' })).request({
      method: 'POST',
      body: (async function* () {
        for (; pulled < 1000; pulled += 1) {
          yield 'x'.repeat(60_000)
          await new Promise((resolve) => setImmediate(resolve))
        }
      })(),
    })
    expect(answer.text()).toBe('enough')
    expect(pulled).toBeLessThan(1000)
  })

  it("in the place of the upstream's is the only one that is sent", async () => {
    for (const hook of ['upstreamResponseFilter', 'responseFilter'] as const) {
      const filter: Filter = {
        name: 'f',
        [hook]: async (session: Session) => {
          await null
          return session.respHeader()?.status.code === 200
            ? respond({ status: 418, body: 'mine' })
            : undefined
        },
      }
      for (const bufferResponseBody of [false, true]) {
        const upstream: TestUpstream = () => ({ body: ['a'.repeat(40_000), 'b'.repeat(40_000)] })
        const answer = await testFilter(filter, { bufferResponseBody, upstream }).request()
        expect([answer.status, answer.text(), answer.aborted]).toEqual([418, 'mine', false])
      }
    }
  })

  it('is not sent unfiltered when responseFilter fails on it', async () => {
    const scrub: Filter = {
      name: 'scrub',
      responseFilter(session) {
        if (session.respHeader()?.status.code === 200) throw new Error('boom')
      },
    }
    const answer = await testFilter([scrub, answering({ status: 200, body: 'secret' })]).request()
    expect(answer.status).toBe(500)
    expect(answer.text()).not.toContain('secret')
  })
})

describe('A-29', () => {
  const secure: Filter = {
    name: 'secure',
    responseFilter(session) {
      const headers = session.respHeaderMut()?.headers
      headers?.append('X-Content-Type-Options', 'nosniff')
      headers?.append('X-Frame-Options', 'DENY')
      headers?.remove('X-Internal-Debug')
    },
  }
  const upstream: TestUpstream = () => ({
    headers: { 'x-internal-debug': '1', 'X-Internal-Debug': '2' },
    body: 'x',
  })
  const broken: TestUpstream = () => {
    throw new Error('closed')
  }

  it.each<[string, Filter[], TestUpstream]>([
    ['an upstream response', [], upstream],
    ['an answer of a filter', [answering({ status: 200, headers: { 'X-Internal-Debug': '1' } })], upstream],
    ['a reject', [{ name: 'r', requestFilter: () => reject(403, 'no') }], upstream],
    ['an error that the gateway answers', [], broken],
    [
      'an answer of failToProxy',
      [{ name: 'r', failToProxy: () => ({ status: 200, headers: { 'X-Internal-Debug': '1' } }) }],
      broken,
    ],
  ])('the client sees both headers once and not the third on %s', async (_what, others, from) => {
    for (const bufferResponseBody of [false, true]) {
      const answer = await testFilter([secure, ...others], { bufferResponseBody, upstream: from }).request()
      expect(answer.headers.getAll('x-content-type-options')).toEqual(['nosniff'])
      expect(answer.headers.getAll('x-frame-options')).toEqual(['DENY'])
      expect(answer.headers.has('x-internal-debug')).toBe(false)
    }
  })

  it('a failing responseFilter does not keep the error document from being sent', async () => {
    const kit = testFilter(
      {
        name: 'bad',
        responseFilter: () => {
          throw new Error('boom')
        },
      },
      { upstream: broken },
    )
    const answer = await kit.request()
    expect(answer.status).toBe(502)
    expect(kit.logs.map((line) => line['msg'])).toEqual([
      'the upstream closed the connection without an answer: closed',
      "filter 'bad' failed in responseFilter",
    ])
  })

  it("a result of responseFilter on an answer of the gateway's own makes no other one of it", async () => {
    for (const result of [respond({ status: 200, body: 'x' }), reject(418, 'no')]) {
      const answer = await testFilter(
        { name: 'f', responseFilter: () => result },
        { upstream: broken },
      ).request()
      expect(answer.status).toBe(502)
    }
  })
})

describe('a status that responseFilter changes', () => {
  const to = (status: number, text = ''): Filter => ({
    name: 'status',
    responseFilter: (session) => session.respHeaderMut()?.setStatus(status, text),
  })

  it('is sent, with its own text', async () => {
    const upstream: TestUpstream = () => ({ status: 200, statusText: 'OK', body: 'abc' })
    const other = await testFilter(to(418, 'Teapot'), { upstream }).request()
    expect([other.status, other.statusText, other.text()]).toEqual([418, 'Teapot', 'abc'])
    const same = await testFilter(to(200, 'Fine'), { upstream }).request()
    expect([same.status, same.statusText]).toEqual([200, 'Fine'])
    const untouched = await testFilter([], { upstream }).request()
    expect(untouched.statusText).toBe('OK')
  })

  it.each([204, 205, 304])('to %d loses its body', async (status) => {
    for (const bufferResponseBody of [false, true]) {
      for (const body of ['abc', ['a'.repeat(70_000), 'b'.repeat(70_000)]]) {
        const answer = await testFilter(to(status), {
          bufferResponseBody,
          upstream: () => ({ body }),
        }).request()
        expect([answer.status, answer.body.length, answer.contentLength]).toEqual([status, 0, null])
        expect(answer.error).toBeNull()
      }
    }
  })

  it('to 204 makes whatever becomes of the body behind it unimportant', async () => {
    const answer = await testFilter(to(204), {
      upstream: () => ({
        body: (function* () {
          yield 'a'
          throw new Error('gone')
        })(),
      }),
    }).request()
    expect([answer.status, answer.aborted, answer.error]).toEqual([204, false, null])
    expect(answer.session.timing.responseSent).not.toBeNull()
  })

  it.each([204, 304])('from %d has a length that is true', async (status) => {
    const upstream: TestUpstream = () => ({ status, body: status === 304 ? 'abc' : '' })
    for (const bufferResponseBody of [false, true]) {
      const answer = await testFilter(to(200), { bufferResponseBody, upstream }).request()
      expect([answer.status, answer.body.length, answer.contentLength]).toEqual([200, 0, 0])
    }
  })
})

describe('HEAD, 204 and 304 of the upstream', () => {
  it('announce what the upstream announced', async () => {
    const head = await testFilter([], { upstream: () => ({ body: 'x'.repeat(1234) }) }).request({
      method: 'HEAD',
    })
    expect([head.contentLength, head.body.length, head.aborted]).toEqual([1234, 0, false])
    const unknown = await testFilter([], { upstream: () => ({ body: ['x'] }) }).request({ method: 'HEAD' })
    expect(unknown.contentLength).toBeNull()
    const unchanged = await testFilter([], { upstream: () => ({ status: 304, body: 'abc' }) }).request()
    expect([unchanged.status, unchanged.body.length]).toEqual([304, 0])
    const none = await testFilter([], { upstream: () => ({ status: 204 }) }).request()
    expect([none.status, none.contentLength]).toEqual([204, null])
  })

  it('a HEAD that a filter turns into GET for the upstream still has no body for the client', async () => {
    const filter: Filter = {
      name: 'get',
      requestFilter(session) {
        const request = session.reqHeaderMut()
        if (request !== null) request.method = 'GET'
      },
    }
    const answer = await testFilter(filter, { upstream: () => ({ body: 'abc' }) }).request({ method: 'HEAD' })
    expect(answer.upstreamRequests[0]?.method).toBe('GET')
    expect([answer.contentLength, answer.body.length]).toEqual([3, 0])
  })

  it('a GET that a filter turns into HEAD for the upstream announces no body that does not come', async () => {
    const filter: Filter = {
      name: 'head',
      upstreamRequestFilter(_session, request) {
        request.method = 'HEAD'
      },
    }
    const answer = await testFilter(filter, { upstream: () => ({ body: 'abc' }) }).request()
    expect([answer.contentLength, answer.body.length]).toEqual([0, 0])
  })
})

describe('B15 what a client sent, copied by a filter', () => {
  const EVIL = ['a\r\nx-evil: 1', 'a\nx-evil: 1', 'a\rb', 'a\0b', 'a\r\n\r\nGET /evil HTTP/1.1\r\n\r\n']

  const copies: Record<string, (evil: string) => Filter> = {
    'a request header': (evil) => ({
      name: 'copy',
      requestFilter: (session) => session.reqHeaderMut()?.headers.append('x-copy', evil),
    }),
    'a request header name': (evil) => ({
      name: 'copy',
      requestFilter: (session) => session.reqHeaderMut()?.headers.set(evil, '1'),
    }),
    'the target': (evil) => ({
      name: 'copy',
      requestFilter(session) {
        const request = session.reqHeaderMut()
        if (request !== null) request.target = `/${evil}`
      },
    }),
    'the method': (evil) => ({
      name: 'copy',
      requestFilter(session) {
        const request = session.reqHeaderMut()
        if (request !== null) request.method = evil
      },
    }),
    'a header of one attempt': (evil) => ({
      name: 'copy',
      upstreamRequestFilter: (_session, request) => request.headers.append('x-copy', evil),
    }),
    'a header of the upstream response': (evil) => ({
      name: 'copy',
      upstreamResponseFilter: (_session, response) => response.headers.append('x-copy', evil),
    }),
    'a Location': (evil) => ({
      name: 'copy',
      responseFilter(session) {
        if (session.respHeader()?.status.code === 200)
          session.respHeaderMut()?.headers.set('location', `/${evil}`)
      },
    }),
    'a status text': (evil) => ({
      name: 'copy',
      responseFilter(session) {
        if (session.respHeader()?.status.code === 200) session.respHeaderMut()?.setStatus(200, evil)
      },
    }),
    'a header of an answer': (evil) => ({
      name: 'copy',
      requestFilter: () => respond({ status: 200, headers: { 'x-copy': evil } }),
    }),
    'a header name of an answer': (evil) => ({
      name: 'copy',
      requestFilter: () => respond({ status: 200, headers: { [evil]: '1' } }),
    }),
    'a later header of an answer': (evil) => ({
      name: 'copy',
      requestFilter: () => respond({ status: 200, headers: { 'x-copy': ['fine', evil] } }),
    }),
    'a trailer': (evil) => ({
      name: 'copy',
      responseTrailerFilter: (_session, trailers) => trailers.append('x-copy', evil),
    }),
  }

  it.each(Object.entries(copies))(
    "into %s is refused with 500 in the filter's name, and never split",
    async (_where, make) => {
      for (const evil of EVIL) {
        const kit = testFilter(make(evil), { upstream: () => ({ body: ['x'], trailers: { t: '1' } }) })
        const answer = await kit.request()
        expect(answer.status).toBe(500)
        expect(answer.headers.get('proxy-status')).toBe('headgate; error=proxy_internal_error')
        expect(errorDocument(answer)['message']).toMatch(/^filter 'copy' failed in /)
        expect(answer.headers.has('x-evil')).toBe(false)
        expect(answer.upstreamRequests.every((request) => !request.headers.has('x-evil'))).toBe(true)
        expect(kit.logs[0]).toMatchObject({ err: { type: 'InvalidHeader' } })
      }
    },
  )

  it('into the reason of a reject is text in a document', async () => {
    const evil = '"}\r\n<script>'
    const answer = await testFilter({ name: 'f', requestFilter: () => reject(403, evil) }).request()
    expect(answer.status).toBe(403)
    expect(errorDocument(answer)['message']).toBe(evil)
    expect(answer.headers.get('content-type')).toBe('application/json')
  })

  it('framing that a filter sets reaches neither upstream nor client', async () => {
    const filter: Filter = {
      name: 'framing',
      requestFilter(session) {
        const headers = session.reqHeaderMut()?.headers
        headers?.set('Content-Length', '3')
        headers?.set('Transfer-Encoding', 'chunked')
        headers?.append('connection', 'x-a')
      },
      responseFilter(session) {
        const headers = session.respHeaderMut()?.headers
        headers?.set('Content-Length', '3')
        headers?.set('transfer-encoding', 'chunked')
      },
      responseTrailerFilter(_session, trailers) {
        trailers.append('content-length', '3')
      },
    }
    const answer = await testFilter(filter, {
      upstream: () => ({ body: ['abcdef'], trailers: { t: '1' } }),
    }).request()
    const up = answer.upstreamRequests[0]?.headers
    for (const name of ['content-length', 'transfer-encoding', 'connection']) {
      expect(up?.has(name)).toBe(false)
      expect(answer.headers.has(name)).toBe(false)
      expect(answer.trailers.has(name)).toBe(false)
    }
    expect(answer.text()).toBe('abcdef')
  })

  it('a request without Host, or with two, does not leave the gateway, also not in a later attempt', async () => {
    const none: Filter = {
      name: 'f',
      upstreamRequestFilter: (_session, request) => void request.headers.remove('host'),
    }
    const two: Filter = {
      name: 'f',
      upstreamRequestFilter(session, request) {
        if (session.timing.attempts.length > 0) request.headers.append('host', 'b')
      },
    }
    expect((await testFilter(none).request()).status).toBe(500)
    const later = await testFilter(two, {
      peers: 2,
      upstream: () => {
        throw new Error('closed')
      },
    }).request()
    expect(later.status).toBe(500)
    expect(later.upstreamRequests).toHaveLength(1)
  })
})
