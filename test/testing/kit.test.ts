import { describe, expect, it } from 'vitest'
import type { Filter } from '#src/lifecycle/index.js'
import { getUserContext, setUserContext } from '#src/session/user-context.js'
import { connectionClosed, connectionRefused, testFilter } from '#src/testing/index.js'
import { deferred, turns } from '../lifecycle/support.js'

describe('testFilter', () => {
  it('gives a filter the parameters of the path, without a prototype, and none where the route has none', async () => {
    const seen: unknown[] = []
    const filter: Filter = { name: 'f', requestFilter: (session) => void seen.push(session.params()) }
    await testFilter(filter, { routePath: '/users/:id/*' }).request({ path: '/users/7%2F/a/b?c=/d' })
    await testFilter(filter).request({ path: '/users/7' })
    expect(seen.map((params) => ({ ...(params as object) }))).toEqual([{ id: '7%2F', '*': 'a/b' }, {}])
    expect(seen.map((params) => Object.getPrototypeOf(params))).toEqual([null, null])
  })

  it('answers with all that a test may want to know', async () => {
    const filter: Filter<{ n: number }> = {
      name: 'f',
      newCtx: () => ({ n: 1 }),
      requestFilter: (session) => setUserContext(session, 'me'),
      logging: () => undefined,
    }
    const kit = testFilter(filter as Filter, {
      upstream: async ({ body, method, target }) => ({
        status: 201,
        statusText: 'Made',
        headers: { 'x-a': '1' },
        body: `${method} ${target} ${new TextDecoder().decode(await body)}`,
      }),
    })
    const answer = await kit.request({
      method: 'POST',
      path: '/a?b',
      headers: { 'x-b': ['1', '2'] },
      body: 'c',
    })
    expect(answer).toMatchObject({
      status: 201,
      statusText: 'Made',
      contentLength: 11,
      aborted: false,
      error: null,
      phases: ['newCtx', 'requestFilter', 'logging'],
      calls: [
        { filter: 'f', hook: 'newCtx' },
        { filter: 'f', hook: 'requestFilter' },
        { filter: 'f', hook: 'logging' },
      ],
    })
    expect(answer.text()).toBe('POST /a?b c')
    expect(answer.headers.get('x-a')).toBe('1')
    const [sent] = answer.upstreamRequests
    expect(sent?.headers.getAll('x-b')).toEqual(['1', '2'])
    expect(sent?.headers.get('host')).toBe('test')
    expect(sent).toMatchObject({ attempt: 1, complete: true, contentLength: 1 })
    expect(answer.session).toMatchObject({
      method: 'POST',
      target: '/a?b',
      responseStatus: 201,
      userCtx: 'me',
    })
    expect(answer.session.description).toMatch(/^Request: POST \/a\nUpstream: 127\.0\.0\.1:9001\n/)
  })

  it('refuses what is no filter', () => {
    expect(() => testFilter({ name: 'f', requestFiler() {} } as Filter)).toThrow(
      "unknown hook 'requestFiler'",
    )
    expect(() => testFilter({} as Filter)).toThrow("a filter needs a 'name'")
  })

  it('has an upstream that says ok by default, and may have none at all', async () => {
    expect((await testFilter([]).request()).text()).toBe('ok')
    expect((await testFilter([], { peers: 0 }).request()).status).toBe(503)
  })

  it('plays faults: refused, closed without an answer, closed within the answer, an error of any kind', async () => {
    const codeWith = async (fault: () => never) => {
      const answer = await testFilter([], { upstream: fault }).request({ method: 'POST', body: 'x' })
      return [answer.error?.code, answer.upstreamRequests[0]?.complete]
    }
    expect(
      await codeWith(() => {
        throw connectionRefused()
      }),
    ).toEqual(['HG_CONNECT_FAILED', true])
    expect(
      await codeWith(() => {
        throw connectionClosed()
      }),
    ).toEqual(['HG_UPSTREAM_CLOSED', true])
    expect(
      await codeWith(() => {
        throw new TypeError('of the test')
      }),
    ).toEqual(['HG_UPSTREAM_CLOSED', true])
  })

  it('lets time pass only when it is told to', async () => {
    const asked = deferred()
    const kit = testFilter([], {
      timeouts: { headersMs: 1000 },
      upstream: () => {
        asked.resolve()
        return new Promise(() => undefined)
      },
    })
    const pending = kit.request()
    await asked.promise
    kit.advance(900)
    await turns()
    expect(kit.liveSessions).toBe(1)
    kit.advance(100)
    expect((await pending).status).toBe(504)
    expect(kit.liveSessions).toBe(0)
  })

  it('goes slowly when it is told to, in both directions', async () => {
    const body = Array.from({ length: 30 }, (_, index) => String(index % 10).repeat(20_000))
    const kit = testFilter([], {
      windowBytes: 30_000,
      upstream: async ({ body }) => ({ body: [await body] }),
    })
    const answer = await kit.request({ method: 'POST', body })
    expect(answer.text()).toBe(body.join(''))
  })

  it('reports what was logged', async () => {
    const kit = testFilter(
      {
        name: 'f',
        logging: () => {
          throw new Error('boom')
        },
      },
      {},
    )
    await kit.request()
    expect(kit.logs).toMatchObject([{ level: 'error', filter: 'f', err: { message: 'boom' } }])
  })

  it('A-01 overlapping sessions never see each other, and none is left', async () => {
    const mixed: string[] = []
    let contexts = 0
    const filter: Filter<{ marker: string }> = {
      name: 'marker',
      bufferRequestBody: true,
      newCtx: () => {
        contexts += 1
        return { marker: '' }
      },
      async requestFilter(session, ctx) {
        ctx.marker = session.reqHeader()?.headers.get('x-marker') ?? ''
        setUserContext(session, ctx.marker)
        await turns(1)
        if (new TextDecoder().decode(session.requestBody ?? undefined) !== ctx.marker) mixed.push(ctx.marker)
      },
      async responseFilter(session, ctx) {
        await turns(1)
        session.respHeaderMut()?.headers.append('x-ctx', ctx.marker)
        if (getUserContext(session) !== ctx.marker) mixed.push(ctx.marker)
      },
      freeCtx: () => {
        contexts -= 1
      },
    }
    const kit = testFilter(filter as Filter, {
      upstream: async ({ body, headers }) => ({
        headers: { 'x-up': headers.get('x-marker') ?? '' },
        body: await body,
      }),
    })
    const answers = await Promise.all(
      Array.from({ length: 1000 }, async (_, index) => {
        const marker = `m${index}`
        const pending = kit.request({ method: 'POST', headers: { 'x-marker': marker }, body: marker })
        const answer = await pending
        return [
          marker,
          answer.text(),
          answer.headers.get('x-ctx'),
          answer.headers.get('x-up'),
          answer.session.userCtx,
        ]
      }),
    )
    for (const [marker, ...seen] of answers) expect(seen).toEqual(Array(4).fill(marker))
    expect(mixed).toEqual([])
    expect(contexts).toBe(0)
    expect(kit.liveSessions).toBe(0)
  })
})
