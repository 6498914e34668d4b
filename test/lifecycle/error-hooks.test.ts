import { describe, expect, it } from 'vitest'
import type { Filter } from '#src/lifecycle/index.js'
import { type TestUpstream, testFilter } from '#src/testing/index.js'
import { deferred, errorDocument, turns } from './support.js'

const broken: TestUpstream = () => {
  throw new Error('closed')
}
const FAILED = 'the upstream closed the connection without an answer: closed'

describe('failToProxy', () => {
  it.each([false, true])(
    'may give an answer of its own (asynchronous: %s); the session still has failed',
    async (later) => {
      const response = { status: 200, headers: { 'x-page': 'sorry' }, body: 'sorry' }
      const filter: Filter = {
        name: 'page',
        failToProxy: () => (later ? Promise.resolve(response) : response),
      }
      const kit = testFilter(filter, { upstream: broken })
      const answer = await kit.request()
      expect([answer.status, answer.text(), answer.headers.get('x-page')]).toEqual([200, 'sorry', 'sorry'])
      expect(answer.error?.code).toBe('HG_UPSTREAM_CLOSED')
      expect(kit.logs.map((line) => line['msg'])).toEqual([FAILED])
    },
  )

  it('the first filter with an answer has answered; nothing and null leave it to the next', async () => {
    const page = (name: string, response: unknown): Filter =>
      ({ name, failToProxy: () => response }) as Filter
    const filters = [
      page('a', undefined),
      page('b', null),
      page('c', { status: 201 }),
      page('d', { status: 202 }),
    ]
    const answer = await testFilter(filters, { upstream: broken }).request()
    expect(answer.status).toBe(201)
    expect(answer.calls.filter(({ hook }) => hook === 'failToProxy').map(({ filter }) => filter)).toEqual([
      'a',
      'b',
      'c',
    ])
  })

  it.each<[string, Filter['failToProxy']]>([
    [
      'throws',
      () => {
        throw new Error('boom')
      },
    ],
    ['rejects', () => Promise.reject(new Error('boom'))],
    ['gives a bad header', () => ({ status: 200, headers: { x: 'a\r\nb: c' } })],
    ['gives a bad status', () => ({ status: 7 })],
  ])('that %s leaves the client the original error, and says so in the log', async (_how, failToProxy) => {
    const kit = testFilter(
      { name: 'page', ...(failToProxy === undefined ? {} : { failToProxy }) },
      { upstream: broken },
    )
    const answer = await kit.request()
    expect(answer.status).toBe(502)
    expect(answer.error?.code).toBe('HG_UPSTREAM_CLOSED')
    expect(kit.logs.map((line) => line['msg'])).toEqual([FAILED, "filter 'page' failed in failToProxy"])
  })

  it('that never settles leaves the client the original error after the deadline', async () => {
    const called = deferred()
    const filter: Filter = {
      name: 'page',
      failToProxy: () => {
        called.resolve()
        return new Promise(() => undefined)
      },
    }
    const kit = testFilter(filter, { upstream: broken, filterMs: 1000 })
    const pending = kit.request()
    await called.promise
    kit.advance(1000)
    expect((await pending).status).toBe(502)
  })

  it('is asked about everything that fails before the head, and nothing that fails behind it', async () => {
    const page: Filter = { name: 'page', failToProxy: () => ({ status: 299 }) }
    const reject: Filter = { name: 'r', requestFilter: () => ({ kind: 'reject', status: 403, reason: 'no' }) }
    expect((await testFilter([page, reject]).request()).status).toBe(299)
    const late = await testFilter(page, {
      upstream: () => ({
        body: (function* () {
          yield 'x'.repeat(100_000)
          throw new Error('gone')
        })(),
      }),
    }).request()
    expect([late.status, late.aborted]).toEqual([200, true])
    expect(late.phases).not.toContain('failToProxy')
  })

  it('is not asked when the client has left', async () => {
    const control = new AbortController()
    const kit = testFilter(
      { name: 'page', failToProxy: () => ({ status: 200 }) },
      { upstream: () => new Promise(() => undefined) },
    )
    const pending = kit.request({ signal: control.signal })
    await turns()
    control.abort()
    const answer = await pending
    expect(answer.phases).toEqual([])
    expect([answer.status, answer.aborted]).toEqual([0, true])
  })
})

describe('the error line', () => {
  it('has the request, the reason and the peer, but no query, and stands once', async () => {
    const kit = testFilter([], { upstream: broken, routeName: 'r' })
    const answer = await kit.request({ path: '/a?token=secret' })
    expect(kit.logs).toHaveLength(1)
    expect(kit.logs[0]).toMatchObject({
      level: 'error',
      reqId: answer.session.requestId,
      route: 'r',
      method: 'GET',
      path: '/a',
      reason: 'connection_terminated',
      code: 'HG_UPSTREAM_CLOSED',
      upstream: '127.0.0.1:9001',
      msg: FAILED,
    })
    expect(JSON.stringify(kit.logs)).not.toContain('secret')
  })

  it('requestSummary adds to it, all filters in order', async () => {
    const filters: Filter[] = [
      { name: 'a', requestSummary: (session) => `${session.reqHeader()?.headers.get('host')} ` },
      {
        name: 'b',
        requestSummary: () => {
          throw new Error('boom')
        },
      },
      { name: 'c', requestSummary: () => 7 as unknown as string },
      { name: 'd', requestSummary: () => 'tenant 5' },
    ]
    const kit = testFilter(filters, { upstream: broken })
    await kit.request()
    expect(kit.logs.map((line) => line['msg'])).toEqual(["filter 'b' failed in requestSummary", FAILED])
    expect(kit.logs[1]).toMatchObject({ summary: 'test tenant 5' })
  })

  it('suppressErrorLog keeps it away, and requestSummary is not asked then', async () => {
    const filter: Filter = {
      name: 'quiet',
      suppressErrorLog: (_session, error) => error.code === 'HG_UPSTREAM_CLOSED',
      requestSummary: () => 'x',
    }
    const kit = testFilter(filter, { upstream: broken })
    const answer = await kit.request()
    expect(kit.logs).toEqual([])
    expect(answer.phases).not.toContain('requestSummary')
    const other = testFilter(
      { name: 'q', suppressErrorLog: () => 'yes' as unknown as boolean },
      { upstream: broken },
    )
    await other.request()
    expect(other.logs).toHaveLength(1)
  })

  it('a suppressErrorLog that throws is logged, and so is the error', async () => {
    const filter: Filter = {
      name: 'quiet',
      suppressErrorLog: () => {
        throw new Error('boom')
      },
    }
    const kit = testFilter(filter, { upstream: broken })
    await kit.request()
    expect(kit.logs.map((line) => line['msg'])).toEqual(["filter 'quiet' failed in suppressErrorLog", FAILED])
  })

  it('there is none for what a client did wrong, nor for what a filter refused', async () => {
    const kit = testFilter({
      name: 'r',
      requestFilter: () => ({ kind: 'reject', status: 401, reason: 'no' }),
    })
    await kit.request()
    expect(kit.logs).toEqual([])
  })
})

describe('logging', () => {
  it('gets the error that the session ended with, or null', async () => {
    const seen: unknown[] = []
    const filter: Filter = { name: 'l', logging: (_session, error) => void seen.push(error?.code ?? null) }
    await testFilter(filter).request()
    await testFilter(filter, { upstream: broken }).request()
    expect(seen).toEqual([null, 'HG_UPSTREAM_CLOSED'])
  })

  it('that throws does not keep the others from being called', async () => {
    const seen: string[] = []
    const filters: Filter[] = [
      {
        name: 'a',
        logging: () => {
          throw new Error('boom')
        },
      },
      { name: 'b', logging: () => Promise.reject(new Error('later')) },
      { name: 'c', logging: () => void seen.push('c') },
    ]
    const kit = testFilter(filters)
    const answer = await kit.request()
    expect(seen).toEqual(['c'])
    expect(answer.error).toBeNull()
    expect(kit.logs.map((line) => line['msg'])).toEqual([
      "filter 'a' failed in logging",
      "filter 'b' failed in logging",
    ])
  })

  it('sees everything of an error document too', async () => {
    const seen: unknown[] = []
    const filter: Filter = {
      name: 'l',
      logging: (session) => void seen.push(session.respHeader()?.status.code, session.timing.responseSent),
    }
    const answer = await testFilter(filter, { upstream: broken }).request()
    expect(seen).toEqual([502, expect.any(Number)])
    expect(errorDocument(answer)).toMatchObject({ error: 'bad_gateway', status: 502 })
  })
})
