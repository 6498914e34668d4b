import { describe, expect, it } from 'vitest'
import type { Filter } from '#src/lifecycle/index.js'
import { type TestBody, testFilter } from '#src/testing/index.js'
import { deferred, errorDocument, turns } from './support.js'

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const echo = { upstream: async ({ body }: { body: Promise<Uint8Array> }) => ({ body: await body }) }

/** Upper case, at once or later. */
function upper(
  hook: 'requestBodyFilter' | 'responseBodyFilter' | 'upstreamResponseBodyFilter',
  later: boolean,
): Filter {
  return {
    name: 'upper',
    [hook]: (_session: unknown, chunk: Uint8Array) => {
      const made = encoder.encode(decoder.decode(chunk).toUpperCase())
      return later ? new Promise((resolve) => setImmediate(() => resolve(made))) : made
    },
  }
}

describe('A-25 requestBodyFilter', () => {
  it.each([
    ['in one piece', 'abc', [['abc', true]]],
    [
      'in pieces',
      ['ab', 'c'],
      [
        ['ab', false],
        ['c', false],
        ['', true],
      ],
    ],
    ['empty and chunked', [], [['', true]]],
  ])('sees a body %s while requestBody stays null', async (_how, body, expected) => {
    const seen: unknown[] = []
    const filter: Filter = {
      name: 'look',
      requestFilter: (session) => void expect(session.requestBody).toBeNull(),
      requestBodyFilter(session, chunk, endOfStream) {
        expect(session.requestBody).toBeNull()
        seen.push([decoder.decode(chunk), endOfStream])
      },
    }
    const answer = await testFilter(filter, echo).request({ method: 'POST', body: body as TestBody })
    expect(seen).toEqual(expected)
    expect(answer.text()).toBe(typeof body === 'string' ? body : body.join(''))
  })

  it.each([undefined, ''])('is not called on a request without a body (%j)', async (body) => {
    const filter: Filter = { name: 'f', requestBodyFilter: () => undefined }
    const answer = await testFilter(filter).request({
      method: 'POST',
      ...(body === undefined ? {} : { body }),
    })
    expect(answer.phases).not.toContain('requestBodyFilter')
    expect(answer.status).toBe(200)
  })

  it.each([false, true])('replaces pieces (asynchronous: %s); length and framing follow', async (later) => {
    const whole = await testFilter(upper('requestBodyFilter', later), echo).request({
      method: 'POST',
      body: 'abc',
    })
    expect(whole.text()).toBe('ABC')
    const body = ['a'.repeat(70_000), 'b'.repeat(70_000)]
    const large = await testFilter(upper('requestBodyFilter', later), echo).request({ method: 'POST', body })
    expect(large.text()).toBe(body.join('').toUpperCase())
    expect(large.upstreamRequests[0]?.contentLength).toBeNull()
    const known = await testFilter(upper('requestBodyFilter', later), echo).request({
      method: 'POST',
      body: 'a'.repeat(70_000),
    })
    expect(known.text()).toBe('A'.repeat(70_000))
    expect(known.upstreamRequests[0]?.contentLength).toBeNull()
  })

  it('drops pieces, and may add some at the end', async () => {
    const filter: Filter = {
      name: 'f',
      requestBodyFilter: (_session, chunk, end) =>
        end ? encoder.encode('end') : chunk.length > 1 ? null : undefined,
    }
    const answer = await testFilter(filter, echo).request({ method: 'POST', body: ['aa', 'b', 'cc'] })
    expect(answer.text()).toBe('bend')
  })

  it('passes each piece through all filters in order', async () => {
    const suffix = (text: string, later: boolean): Filter => ({
      name: text,
      requestBodyFilter: (_session, chunk) => {
        const made = chunk.length === 0 ? undefined : encoder.encode(decoder.decode(chunk) + text)
        return later ? Promise.resolve(made) : made
      },
    })
    const answer = await testFilter([suffix('1', true), suffix('2', false), suffix('3', true)], echo).request(
      {
        method: 'POST',
        body: ['a', 'b'],
      },
    )
    expect(answer.text()).toBe('a123b123')
  })

  it('runs again on the same bytes when an attempt is repeated', async () => {
    const kit = testFilter(upper('requestBodyFilter', true), {
      peers: 2,
      upstream: async ({ body, attempt }) => {
        const sent = await body
        if (attempt === 1) throw new Error('closed')
        return { body: sent }
      },
    })
    for (const body of ['abc', ['a', 'b', 'c']]) {
      const answer = await kit.request({ method: 'PUT', body })
      expect(answer.upstreamRequests.map(({ received }) => decoder.decode(received))).toEqual(['ABC', 'ABC'])
      expect(answer.text()).toBe('ABC')
    }
  })

  it.each([5, 'text', {}, [1]])('that returns %j ends its session with 500', async (wrong) => {
    const filter = { name: 'f', requestBodyFilter: () => wrong } as unknown as Filter
    const answer = await testFilter(filter).request({ method: 'POST', body: ['a'] })
    expect(answer.status).toBe(500)
    expect(errorDocument(answer)['message']).toBe("filter 'f' failed in requestBodyFilter")
  })
})

describe('a buffered request body', () => {
  const buffering = (play: Filter['requestFilter']): Filter => ({
    name: 'b',
    bufferRequestBody: true,
    ...(play === undefined ? {} : { requestFilter: play }),
  })

  it.each<[string, TestBody, string | null]>([
    ['is there as a whole', 'abc', 'abc'],
    ['is there as a whole when it came in pieces', ['a', 'b', 'c'], 'abc'],
    ['may be empty', '', ''],
  ])('A-05, A-25 %s', async (_what, body, expected) => {
    let seen: string | null = null
    const filter = buffering((session) => {
      seen = session.requestBody === null ? null : decoder.decode(session.requestBody)
    })
    await testFilter(filter).request({ method: 'POST', body })
    expect(seen).toBe(expected)
  })

  it('A-05 is null where there is none, so that nobody parses nothing', async () => {
    let seen: unknown = 'not called'
    const filter = buffering((session) => {
      seen = session.requestBody
    })
    expect((await testFilter(filter).request()).status).toBe(200)
    expect(seen).toBeNull()
  })

  it('earlyRequestFilter runs before it has come, requestFilter behind', async () => {
    const arrived = deferred()
    const order: string[] = []
    const filter: Filter = {
      name: 'b',
      bufferRequestBody: true,
      earlyRequestFilter: () => void order.push('early'),
      requestFilter: () => void order.push('request'),
    }
    const pending = testFilter(filter).request({
      method: 'POST',
      body: (async function* () {
        yield 'a'
        await arrived.promise
        yield 'b'
      })(),
    })
    await turns()
    expect(order).toEqual(['early'])
    arrived.resolve()
    await pending
    expect(order).toEqual(['early', 'request'])
  })

  it('A-62 may be replaced; the length follows, also on a repeated attempt', async () => {
    const filter = buffering((session) => {
      session.requestBody = encoder.encode('replaced')
    })
    const kit = testFilter(filter, {
      peers: 2,
      upstream: async ({ body, attempt }) => {
        if (attempt === 1) throw new Error('closed')
        return { body: await body }
      },
    })
    for (const body of ['abc', ['a', 'b']]) {
      const answer = await kit.request({ method: 'PUT', body })
      expect(answer.text()).toBe('replaced')
      expect(answer.upstreamRequests.map(({ contentLength }) => contentLength)).toEqual([8, 8])
    }
  })

  it('A-62 may be put on a request that has none', async () => {
    const filter: Filter = {
      name: 'f',
      requestFilter(session) {
        const request = session.reqHeaderMut()
        if (request !== null) request.method = 'POST'
        session.requestBody = encoder.encode('new')
      },
    }
    const answer = await testFilter(filter, echo).request()
    expect(answer.text()).toBe('new')
    expect(answer.upstreamRequests[0]).toMatchObject({ method: 'POST', contentLength: 3 })
  })

  it('A-62 may be put in place of one that streams, which is read and thrown away', async () => {
    const filter: Filter = {
      name: 'f',
      requestFilter(session) {
        session.requestBody = encoder.encode('new')
      },
    }
    const read = deferred()
    const answer = await testFilter(filter, {
      upstream: async ({ body }) => {
        // The client must not be stuck behind its credit.
        await read.promise
        return { body: await body }
      },
    }).request({
      method: 'POST',
      body: (function* () {
        for (let i = 0; i < 40; i += 1) yield 'x'.repeat(60_000)
        read.resolve()
      })(),
    })
    expect(answer.text()).toBe('new')
    expect(answer.upstreamRequests[0]?.contentLength).toBe(3)
  })

  it('reaches requestBodyFilter in one piece', async () => {
    const seen: unknown[] = []
    const filter: Filter = {
      name: 'b',
      bufferRequestBody: true,
      requestBodyFilter: (_session, chunk, end) => void seen.push([decoder.decode(chunk), end]),
    }
    await testFilter(filter).request({ method: 'POST', body: ['a', 'b'] })
    expect(seen).toEqual([['ab', true]])
  })

  it('belongs to the filter alone: its memory holds nothing else', async () => {
    const filter = buffering((session) => {
      expect(session.requestBody?.buffer.byteLength).toBe(6)
    })
    expect((await testFilter(filter).request({ method: 'POST', body: ['abc', 'def'] })).status).toBe(200)
  })
})

describe.each(['responseBodyFilter', 'upstreamResponseBodyFilter'] as const)('%s', (hook) => {
  it.each<[string, TestBody]>([
    ['in one piece', 'abc'],
    ['in pieces', ['ab', 'c']],
    ['empty', ''],
    ['empty and chunked', []],
  ])('sees a body %s, and its end once', async (_how, body) => {
    const seen: [string, boolean][] = []
    const filter: Filter = {
      name: 'look',
      [hook]: (_session: unknown, chunk: Uint8Array, end: boolean) =>
        void seen.push([decoder.decode(chunk), end]),
    }
    const answer = await testFilter(filter, { upstream: () => ({ body }) }).request()
    const text = typeof body === 'string' ? body : (body as string[]).join('')
    expect(answer.text()).toBe(text)
    expect(seen.map(([piece]) => piece).join('')).toBe(text)
    expect(seen.map(([, end]) => end)).toEqual([...Array(seen.length - 1).fill(false), true])
  })

  it.each([false, true])('replaces pieces (asynchronous: %s); the length follows', async (later) => {
    const filter = upper(hook, later)
    const whole = await testFilter(filter, { upstream: () => ({ body: 'abc' }) }).request()
    expect(whole.text()).toBe('ABC')
    expect([null, 3]).toContain(whole.contentLength)
    const body = ['a'.repeat(70_000), 'b'.repeat(70_000)]
    for (const windowBytes of [1, 50_000, Number.POSITIVE_INFINITY]) {
      const large = await testFilter(filter, { windowBytes, upstream: () => ({ body }) }).request()
      expect(large.text()).toBe(body.join('').toUpperCase())
    }
  })

  it('drops pieces and adds to the end', async () => {
    const filter: Filter = {
      name: 'f',
      [hook]: (_session: unknown, _chunk: Uint8Array, end: boolean) => (end ? encoder.encode('end') : null),
    }
    for (const body of ['abc', ['a', 'b'], '']) {
      const answer = await testFilter(filter, { upstream: () => ({ body }) }).request()
      expect(answer.text()).toBe('end')
      expect(answer.contentLength).toBe(3)
    }
  })

  it.each([204, 205, 304])('is not called for a %d', async (status) => {
    const answer = await testFilter(
      { name: 'f', [hook]: () => encoder.encode('x') },
      { upstream: () => ({ status }) },
    ).request()
    expect(answer.phases).not.toContain(hook)
    expect(answer.body.length).toBe(0)
  })

  it('is not called for HEAD, where no length is announced that it could belie', async () => {
    const answer = await testFilter(upper(hook, false), { upstream: () => ({ body: 'abc' }) }).request({
      method: 'HEAD',
    })
    expect(answer.phases).not.toContain(hook)
    expect(answer.contentLength).toBeNull()
  })

  it('is not called for an answer that did not come from the upstream', async () => {
    const respond: Filter = {
      name: 'r',
      requestFilter: () => ({ kind: 'respond', response: { status: 200, body: 'x' } }),
    }
    const answer = await testFilter([respond, { name: 'f', [hook]: () => encoder.encode('y') }]).request()
    expect(answer.text()).toBe('x')
  })
})

describe('both response body hooks', () => {
  it("run one behind the other, the upstream's first", async () => {
    const suffix = (hook: string, text: string, later: boolean): Filter => ({
      name: text,
      [hook]: (_session: unknown, chunk: Uint8Array) => {
        const made = chunk.length === 0 ? undefined : encoder.encode(decoder.decode(chunk) + text)
        return later ? Promise.resolve(made) : made
      },
    })
    for (const bufferResponseBody of [false, true]) {
      for (const later of [false, true]) {
        const filters = [
          suffix('responseBodyFilter', 'D', later),
          suffix('upstreamResponseBodyFilter', 'U', !later),
        ]
        const answer = await testFilter(filters, {
          bufferResponseBody,
          upstream: () => ({ body: 'a' }),
        }).request()
        expect(answer.text()).toBe('aUD')
      }
    }
  })
})

describe('a buffered response body', () => {
  const buffering = (play: NonNullable<Filter['responseFilter']>): Filter => ({
    name: 'b',
    bufferResponseBody: true,
    responseFilter: play,
  })

  it.each<[string, TestBody]>([
    ['in one piece', 'abc'],
    ['in pieces', ['a', 'b', 'c']],
    ['empty', ''],
  ])('A-06, A-67 %s may be replaced or changed; Content-Length follows', async (_how, body) => {
    const replacing = buffering((session) => {
      const text = decoder.decode(session.responseBody ?? undefined)
      session.responseBody = encoder.encode(`<${text}>`)
    })
    const text = typeof body === 'string' ? body : (body as string[]).join('')
    const answer = await testFilter(replacing, { upstream: () => ({ body }) }).request()
    expect(answer.text()).toBe(`<${text}>`)
    expect(answer.contentLength).toBe(text.length + 2)
    const changing = buffering((session) => void session.responseBody?.fill(120))
    const changed = await testFilter(changing, { upstream: () => ({ body }) }).request()
    expect(changed.text()).toBe('x'.repeat(text.length))
  })

  it('may grow beyond one frame, and still ends in its trailers', async () => {
    const filter: Filter = {
      ...buffering((session) => {
        session.responseBody = encoder.encode('x'.repeat(200_000))
      }),
      responseTrailerFilter: (_session, trailers) => trailers.append('x-seen', '1'),
    }
    const trailers = { 'x-sum': '1' }
    for (const windowBytes of [1000, Number.POSITIVE_INFINITY]) {
      const upstream = () => ({ body: ['a'], trailers })
      const answer = await testFilter(filter, { windowBytes, upstream }).request()
      expect(answer.body.length).toBe(200_000)
      expect([...answer.trailers]).toEqual([
        ['x-sum', '1'],
        ['x-seen', '1'],
      ])
    }
  })

  it('A-04, A-06 is not there before phase 7, and null where there is no content', async () => {
    const seen: unknown[] = []
    const filter: Filter = {
      name: 'b',
      bufferResponseBody: true,
      upstreamResponseFilter: (session) => void seen.push(session.responseBody),
      responseFilter: (session) => void seen.push(session.responseBody),
    }
    await testFilter(filter, { upstream: () => ({ status: 204 }) }).request()
    await testFilter(filter, { upstream: () => ({ body: 'abc' }) }).request({ method: 'HEAD' })
    expect(seen).toEqual([null, null, null, null])
  })

  it('waits for an asynchronous upstreamResponseFilter, however fast the body comes', async () => {
    const order: string[] = []
    const filter: Filter = {
      name: 'b',
      bufferResponseBody: true,
      async upstreamResponseFilter() {
        await turns(5)
        order.push('upstreamResponseFilter')
      },
      upstreamResponseBodyFilter: () => void order.push('upstreamResponseBodyFilter'),
      responseFilter: () => void order.push('responseFilter'),
      responseBodyFilter: () => void order.push('responseBodyFilter'),
    }
    const answer = await testFilter(filter, { upstream: () => ({ body: ['a', 'b'] }) }).request()
    expect(answer.text()).toBe('ab')
    expect(order).toEqual([
      'upstreamResponseFilter',
      'upstreamResponseBodyFilter',
      'responseFilter',
      'responseBodyFilter',
    ])
  })

  it.each([
    ['announced', 'x'.repeat(101)],
    ['found out', ['x'.repeat(60), 'y'.repeat(60)]],
  ])('over the limit is refused with 502, %s', async (_how, body) => {
    const kit = testFilter(
      { name: 'b', bufferResponseBody: true },
      { bufferedBodyBytes: 100, upstream: () => ({ body }) },
    )
    const answer = await kit.request()
    expect(answer.status).toBe(502)
    expect(answer.headers.get('proxy-status')).toBe('headgate; error=http_response_body_size')
  })

  it('that breaks off is an error document, not half an answer', async () => {
    const kit = testFilter(
      { name: 'b', bufferResponseBody: true },
      {
        upstream: () => ({
          body: (function* () {
            yield 'half'
            throw new Error('gone')
          })(),
        }),
      },
    )
    const answer = await kit.request()
    expect(answer.status).toBe(502)
    expect(answer.aborted).toBe(false)
    expect(answer.headers.get('proxy-status')).toBe('headgate; error=http_response_incomplete')
  })
})

describe('a response whose filters take their time', () => {
  it('is held back, and goes on to its end', async () => {
    const filter: Filter = {
      name: 'slow',
      upstreamResponseFilter: () => turns(3),
      responseFilter: () => turns(3),
    }
    const body = Array.from({ length: 20 }, (_, index) => String(index % 10).repeat(30_000))
    const answer = await testFilter(filter, { upstream: () => ({ body }) }).request()
    expect(answer.text()).toBe(body.join(''))
    expect(answer.aborted).toBe(false)
  })

  it('trailer hooks run behind the last piece of the body, and behind responseFilter', async () => {
    const order: string[] = []
    const filter: Filter = {
      name: 'slow',
      responseFilter: async () => {
        await turns(3)
        order.push('responseFilter')
      },
      responseBodyFilter: async (_session, _chunk, end) => {
        await turns(2)
        order.push(end ? 'end' : 'piece')
        return undefined
      },
      upstreamResponseTrailerFilter: () => void order.push('upstreamResponseTrailerFilter'),
      responseTrailerFilter: () => void order.push('responseTrailerFilter'),
    }
    const answer = await testFilter(filter, {
      upstream: () => ({ body: ['a'], trailers: { t: '1' } }),
    }).request()
    expect(answer.trailers.get('t')).toBe('1')
    expect(order).toEqual([
      'responseFilter',
      'piece',
      'end',
      'upstreamResponseTrailerFilter',
      'responseTrailerFilter',
    ])
  })

  it('an early answer goes to the client while its upload is under way, and ends it', async () => {
    let pulled = 0
    const answer = await testFilter([], {
      upstream: () => ({ status: 413, body: 'no', early: true }),
    }).request({
      method: 'POST',
      body: (async function* () {
        for (; pulled < 1000; pulled += 1) {
          yield 'x'.repeat(10_000)
          await turns(1)
        }
      })(),
    })
    expect(answer.status).toBe(413)
    expect(answer.text()).toBe('no')
    expect(pulled).toBeLessThan(1000)
  })
})
