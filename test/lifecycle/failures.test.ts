import { describe, expect, it } from 'vitest'
import type { HookName } from '#src/lifecycle/filter-chain.js'
import type { Filter } from '#src/lifecycle/index.js'
import { GatewayError, InvalidRequest, MaxRetriesExceeded } from '#src/session/errors.js'
import { testFilter } from '#src/testing/index.js'
import { deferred, errorDocument, turns } from './support.js'

/** Hooks that may answer later. */
const ASYNCHRONOUS = [
  'earlyRequestFilter',
  'requestFilter',
  'proxyUpstreamFilter',
  'upstreamPeer',
  'upstreamRequestFilter',
  'requestBodyFilter',
  'upstreamResponseFilter',
  'responseFilter',
] as const satisfies readonly HookName[]

/** Hooks that are called and not waited for. */
const SYNCHRONOUS = ['connectedToUpstream'] as const satisfies readonly HookName[]

const request = { method: 'POST', body: 'abc' }

describe.each([...ASYNCHRONOUS, ...SYNCHRONOUS])('C1 %s', (hook) => {
  it('that throws ends its session with 500 in the name of the filter, and no other', async () => {
    const filter: Filter = {
      name: 'bad',
      [hook]: (session: { reqHeader(): { headers: { has(name: string): boolean } } | null }) => {
        if (session.reqHeader()?.headers.has('x-bad')) throw new Error('a secret')
      },
    }
    const kit = testFilter(filter)
    const [bad, good] = await Promise.all([
      kit.request({ ...request, headers: { 'x-bad': '1' } }),
      kit.request(request),
    ])
    expect(bad.status).toBe(500)
    expect(bad.headers.get('proxy-status')).toBe('headgate; error=proxy_internal_error')
    expect(errorDocument(bad)['message']).toBe(`filter 'bad' failed in ${hook}`)
    expect(bad.text()).not.toContain('secret')
    expect(bad.error).toMatchObject({ code: 'HG_FILTER_FAILED', cause: new Error('a secret') })
    expect(kit.logs[0]).toMatchObject({
      level: 'error',
      code: 'HG_FILTER_FAILED',
      err: { message: 'a secret' },
    })
    expect(good.status).toBe(200)
  })

  it('may end the session with an error of its own', async () => {
    const filter: Filter = {
      name: 'own',
      [hook]: () => {
        throw new GatewayError('out of stock', {
          code: 'HG_INVALID_REQUEST',
          status: 409,
          reason: 'http_request_error',
          source: 'downstream',
        })
      },
    }
    const answer = await testFilter(filter).request(request)
    expect(answer.status).toBe(409)
    expect(errorDocument(answer)['message']).toBe('out of stock')
  })
})

describe.each(ASYNCHRONOUS)('C1 %s', (hook) => {
  it('that rejects ends its session with 500', async () => {
    const filter: Filter = { name: 'bad', [hook]: () => Promise.reject(new Error('later')) }
    const answer = await testFilter(filter).request(request)
    expect(answer.status).toBe(500)
    expect(errorDocument(answer)['message']).toBe(`filter 'bad' failed in ${hook}`)
  })

  it('that rejects with a thing that is no error ends its session with 500', async () => {
    const filter: Filter = { name: 'bad', [hook]: () => Promise.reject(undefined) }
    const answer = await testFilter(filter).request(request)
    expect(answer.status).toBe(500)
  })

  it('that never settles is given up after the deadline, and its late result forgotten', async () => {
    const called = deferred()
    const late = deferred<undefined>()
    const order: string[] = []
    const slow: Filter = {
      name: 'slow',
      [hook]: () => {
        called.resolve()
        return late.promise
      },
    }
    const behind: Filter = { name: 'behind', [hook]: () => void order.push(hook) }
    const kit = testFilter([slow, behind], { filterMs: 5000 })
    const pending = kit.request(request)
    await called.promise
    kit.advance(4900)
    await turns()
    expect(kit.liveSessions).toBe(1)
    kit.advance(100)
    await turns()
    // On an answer of the gateway's own `responseFilter` is asked again, and forgets again.
    kit.advance(5000)
    const answer = await pending
    expect(answer.status).toBe(500)
    expect(answer.error).toMatchObject({ cause: new Error('did not settle within 5000 ms') })
    const before = order.length
    late.resolve(undefined)
    await turns()
    expect(order).toHaveLength(before)
  })

  it('may return a thenable that is no Promise', async () => {
    const filter: Filter = {
      name: 'thenable',
      [hook]: () => ({
        // biome-ignore lint/suspicious/noThenProperty: that is the point
        then(resolve: (value: undefined) => void) {
          setImmediate(() => resolve(undefined))
        },
      }),
    }
    const answer = await testFilter(filter).request(request)
    expect(answer.status).toBe(200)
    expect(answer.error).toBeNull()
  })
})

describe('C1', () => {
  it('a responseFilter that hangs on the error document too delays it by two deadlines, no more', async () => {
    const kit = testFilter(
      { name: 'hangs', responseFilter: () => new Promise(() => undefined) },
      { filterMs: 1000, upstream: () => ({ body: 'x' }) },
    )
    const pending = kit.request()
    for (let i = 0; i < 2; i += 1) {
      await turns(5)
      kit.advance(1000)
    }
    const answer = await pending
    expect(answer.status).toBe(500)
    expect(errorDocument(answer)['message']).toBe("filter 'hangs' failed in responseFilter")
  })

  it('the deadline of the session ends it even while filters hang on its error document', async () => {
    const kit = testFilter(
      {
        name: 'hangs',
        requestFilter: () => ({ kind: 'reject', status: 403, reason: 'no' }),
        responseFilter: () => new Promise(() => undefined),
      },
      { filterMs: 0, timeouts: { totalMs: 2000 } },
    )
    const pending = kit.request()
    await turns()
    kit.advance(2000)
    const answer = await pending
    expect(answer.status).toBe(403)
  })

  it('an `async` hook where none is waited for is logged when it rejects, and changes nothing', async () => {
    const filter: Filter = {
      name: 'loose',
      connectedToUpstream: (async () => {
        throw new Error('later')
      }) as () => void,
    }
    const kit = testFilter(filter)
    const answer = await kit.request()
    await turns()
    expect(answer.status).toBe(200)
    expect(kit.logs).toMatchObject([{ msg: "filter 'loose' failed in connectedToUpstream" }])
  })

  it('a hook that throws after the head was sent breaks the answer off', async () => {
    let count = 0
    const filter: Filter = {
      name: 'late',
      responseBodyFilter: () => {
        count += 1
        if (count === 2) throw new Error('boom')
      },
    }
    const kit = testFilter(filter, { upstream: () => ({ body: ['x'.repeat(50_000), 'y'.repeat(50_000)] }) })
    const answer = await kit.request()
    expect(answer.status).toBe(200)
    expect(answer.aborted).toBe(true)
    expect(answer.body.length).toBe(50_000)
    expect(answer.error?.message).toBe("filter 'late' failed in responseBodyFilter")
  })

  it('a hook that throws before the head was sent gives an error document, once', async () => {
    let count = 0
    const filter: Filter = {
      name: 'early',
      responseBodyFilter: () => {
        count += 1
        if (count === 1) throw new Error('boom')
      },
    }
    const kit = testFilter(filter, { upstream: () => ({ body: ['a', 'b', 'c'] }) })
    const answer = await kit.request()
    expect(answer.status).toBe(500)
    expect(answer.aborted).toBe(false)
    expect(count).toBe(1)
  })

  it('a hook that throws on the first of several pieces that were held back is not asked about the others', async () => {
    let count = 0
    const filter: Filter = {
      name: 'early',
      responseFilter: () => turns(5),
      responseBodyFilter: () => {
        count += 1
        throw new Error('boom')
      },
    }
    const body = ['a'.repeat(50_000), 'b'.repeat(50_000)]
    const answer = await testFilter(filter, { upstream: () => ({ body }) }).request()
    expect([answer.status, answer.aborted, count]).toEqual([500, false, 1])
  })

  it('what an asynchronous body hook gives after the session failed is never sent', async () => {
    const late = deferred<Uint8Array>()
    const called = deferred()
    const filter: Filter = {
      name: 'slow',
      responseBodyFilter: () => {
        called.resolve()
        return late.promise
      },
    }
    const kit = testFilter(filter, {
      timeouts: { totalMs: 1000 },
      filterMs: 0,
      upstream: () => ({ body: ['a'] }),
    })
    const pending = kit.request()
    await called.promise
    kit.advance(1000)
    late.resolve(new Uint8Array(100_000))
    const answer = await pending
    await turns()
    // The client of the kit would report a second head.
    expect(answer.status).toBe(504)
    expect(answer.headers.get('content-type')).toBe('application/json')
  })

  it('a request whose body a filter still works on when the client leaves never reaches the upstream', async () => {
    const late = deferred()
    const called = deferred()
    const control = new AbortController()
    const filter: Filter = {
      name: 'slow',
      requestBodyFilter() {
        called.resolve()
        return late.promise
      },
    }
    const pending = testFilter(filter).request({ method: 'POST', body: 'abc', signal: control.signal })
    await called.promise
    control.abort()
    const answer = await pending
    late.resolve()
    await turns()
    expect(answer.upstreamRequests).toEqual([])
  })

  it('a request that a filter has taken away is an error, not a session that hangs', async () => {
    const filter: Filter = {
      name: 'thief',
      requestFilter: (session) => {
        session.downstreamRequest = null
      },
    }
    const answer = await testFilter(filter).request()
    expect(answer.status).toBe(500)
    expect(errorDocument(answer)['message']).toBe('internal error')
  })

  it('a response that a filter has taken away is sent as it came', async () => {
    const filter: Filter = {
      name: 'thief',
      responseFilter: (session) => {
        session.downstreamResponse = null
      },
    }
    for (const bufferResponseBody of [false, true]) {
      const kit = testFilter(filter, { bufferResponseBody, upstream: () => ({ status: 201, body: 'x' }) })
      const answer = await kit.request()
      expect([answer.status, answer.text()]).toEqual([201, 'x'])
      const own = await testFilter([
        filter,
        { name: 'r', requestFilter: () => ({ kind: 'respond', response: { status: 202 } }) },
      ]).request()
      expect(own.status).toBe(202)
    }
  })

  it('A-75 a hook that goes on after its session ended gets SessionClosed', async () => {
    const released = deferred()
    const seen = deferred<unknown>()
    const control = new AbortController()
    const filter: Filter = {
      name: 'late',
      async requestFilter(session) {
        await released.promise
        try {
          session.reqHeaderMut()?.headers.append('x', '1')
        } catch (error) {
          seen.resolve(error)
        }
      },
    }
    const kit = testFilter(filter)
    const pending = kit.request({ signal: control.signal })
    control.abort()
    const answer = await pending
    released.resolve()
    expect(await seen.promise).toMatchObject({ name: 'SessionClosed' })
    expect(answer.upstreamRequests).toEqual([])
  })
})

describe('A-26', () => {
  const parse: Filter = {
    name: 'json',
    bufferRequestBody: true,
    requestFilter(session) {
      if (session.requestBody) JSON.parse(new TextDecoder().decode(session.requestBody))
    },
  }

  it("a JSON error of a request hook is the client's: 400 with the cause, and nothing in the error log", async () => {
    const kit = testFilter(parse)
    const answer = await kit.request({ method: 'POST', body: '{"a":' })
    expect(answer.status).toBe(400)
    expect(answer.error).toBeInstanceOf(InvalidRequest)
    expect(answer.error).toMatchObject({
      code: 'HG_INVALID_REQUEST',
      reason: 'http_request_error',
      cause: { name: 'SyntaxError' },
    })
    expect(answer.headers.get('proxy-status')).toBe('headgate; error=http_request_error')
    expect(answer.upstreamRequests).toEqual([])
    expect(kit.logs).toEqual([])
    expect((await kit.request({ method: 'POST', body: '{}' })).status).toBe(200)
  })

  it("a SyntaxError of a response hook is not the client's: 500", async () => {
    const filter: Filter = { name: 'f', responseFilter: () => JSON.parse('{') }
    expect((await testFilter(filter).request()).status).toBe(500)
  })

  it.each([
    ['announced, before any of it is read', 'x'.repeat(101)],
    ['found out while it comes', ['x'.repeat(60), 'y'.repeat(60)]],
  ])('a body over the limit is refused with 413, %s', async (_how, body) => {
    const kit = testFilter(parse, { bufferedBodyBytes: 100 })
    const answer = await kit.request({ method: 'POST', body })
    expect(answer.status).toBe(413)
    expect(answer.error).toMatchObject({ code: 'HG_BODY_TOO_LARGE' })
    expect(answer.upstreamRequests).toEqual([])
    expect(answer.phases).not.toContain('requestFilter')
  })

  it('a body of exactly the limit passes', async () => {
    const kit = testFilter({ name: 'b', bufferRequestBody: true }, { bufferedBodyBytes: 100 })
    expect((await kit.request({ method: 'POST', body: 'x'.repeat(100) })).status).toBe(200)
    expect((await kit.request({ method: 'POST', body: ['x'.repeat(50), 'x'.repeat(50)] })).status).toBe(200)
  })
})

describe('A-28', () => {
  it.each([
    [499, 0],
    [500, 1],
    [599, 1],
  ])('a filter that logs server errors sees %d %d times', async (status, times) => {
    const logged: number[] = []
    const filter: Filter = {
      name: 'errors',
      responseFilter(session) {
        const code = session.respHeader()?.status.code ?? 0
        if (code >= 500) logged.push(code)
      },
    }
    const answer = await testFilter(filter, { upstream: () => ({ status }) }).request()
    expect(answer.status).toBe(status)
    expect(logged).toEqual(Array(times).fill(status))
  })
})

describe('A-58', () => {
  it('MaxRetriesExceeded of a filter maps to 502', async () => {
    const filter: Filter = {
      name: 'f',
      requestFilter: () => {
        throw new MaxRetriesExceeded(4)
      },
    }
    expect((await testFilter(filter).request()).status).toBe(502)
  })
})
