import { describe, expect, it } from 'vitest'
import type { HookName } from '#src/lifecycle/filter-chain.js'
import {
  type Filter,
  type FilterResult,
  proceed,
  reject,
  respond,
  retry,
  skipRemaining,
} from '#src/lifecycle/index.js'
import { testFilter } from '#src/testing/index.js'
import { errorDocument } from './support.js'

/** The hooks that may return a result, in the order in which they run. */
const HOOKS = [
  'earlyRequestFilter',
  'requestFilter',
  'proxyUpstreamFilter',
  'upstreamRequestFilter',
  'upstreamResponseFilter',
  'responseFilter',
] as const satisfies readonly HookName[]

function returning(hook: (typeof HOOKS)[number], result: FilterResult, asynchronous: boolean): Filter {
  return { name: 'one', [hook]: asynchronous ? async () => result : () => result }
}

const cases = HOOKS.flatMap((hook) => [[hook, false] as const, [hook, true] as const])

describe.each(cases)('D8, C-17 %s (asynchronous: %s)', (hook, asynchronous) => {
  it('continue goes on with the next filter', async () => {
    const order: string[] = []
    const second: Filter = { name: 'two', [hook]: () => void order.push('two') }
    const answer = await testFilter([returning(hook, proceed(), asynchronous), second]).request()
    expect(answer.status).toBe(200)
    expect(order).toEqual(['two'])
  })

  it('reject ends the session with an error document', async () => {
    const second: Filter = { name: 'two', [hook]: () => undefined }
    const kit = testFilter([returning(hook, reject(429, 'slow down'), asynchronous), second])
    const answer = await kit.request()
    expect(answer.status).toBe(429)
    expect(answer.headers.get('proxy-status')).toBe('headgate; error=http_request_denied')
    expect(errorDocument(answer)).toMatchObject({
      status: 429,
      message: 'slow down',
      error: 'too_many_requests',
    })
    expect(answer.error?.code).toBe('HG_FILTERED')
    expect(answer.calls.filter((call) => call.filter === 'two')).toEqual([])
    expect(kit.logs).toEqual([])
  })

  it('respond answers in the place of the upstream', async () => {
    const result = respond({
      status: 202,
      headers: { 'x-a': ['1', '2'], 'content-type': 'text/css' },
      body: 'mine',
    })
    const second: Filter = { name: 'two', [hook]: () => undefined }
    const answer = await testFilter([returning(hook, result, asynchronous), second]).request()
    expect(answer.status).toBe(202)
    expect(answer.text()).toBe('mine')
    expect(answer.contentLength).toBe(4)
    expect([...answer.headers]).toEqual([
      ['x-a', '1'],
      ['x-a', '2'],
      ['content-type', 'text/css'],
    ])
    expect(answer.error).toBeNull()
    const asked = hook === 'upstreamResponseFilter' || hook === 'responseFilter'
    expect(answer.upstreamRequests).toHaveLength(asked ? 1 : 0)
  })

  it('skipRemaining leaves out the filters behind it in this phase only', async () => {
    const second: Filter = {
      name: 'two',
      [hook]: () => {
        throw new Error('must not run')
      },
      logging: () => undefined,
    }
    const answer = await testFilter([returning(hook, skipRemaining(), asynchronous), second]).request()
    expect(answer.status).toBe(200)
    expect(answer.calls).toContainEqual({ filter: 'two', hook: 'logging' })
  })

  // In `upstreamResponseFilter` it is what the result is for; see retries.test.ts.
  if (hook !== 'upstreamResponseFilter') {
    it('retry is a mistake here: 500', async () => {
      const kit = testFilter(returning(hook, retry(), asynchronous), { peers: 2 })
      const answer = await kit.request()
      expect(answer.status).toBe(500)
      expect(errorDocument(answer)['message']).toBe(
        `filter 'one' failed in ${hook}: retry is only possible in upstreamResponseFilter`,
      )
    })
  }

  it.each([true, false, 403, 'no', {}, { kind: 'block' }, []])(
    '%j is no result: 500, never taken for continue',
    async (wrong) => {
      const kit = testFilter(returning(hook, wrong as unknown as FilterResult, asynchronous))
      const answer = await kit.request()
      expect(answer.status).toBe(500)
      expect(errorDocument(answer)['message']).toBe(`filter 'one' failed in ${hook}`)
    },
  )
})

describe('D8', () => {
  it.each([0, 200, 302, 399, 600, 403.5, Number.NaN])(
    'D9 reject with the status %d counts as 403',
    async (status) => {
      const filter: Filter = { name: 'f', requestFilter: () => reject(status, 'no') }
      const answer = await testFilter(filter).request()
      expect(answer.status).toBe(403)
    },
  )

  it('retry tries another peer, once for each', async () => {
    const filter: Filter = {
      name: 'picky',
      upstreamResponseFilter: (_session, response) => (response.code === 503 ? retry() : undefined),
    }
    const kit = testFilter(filter, {
      peers: 3,
      upstream: ({ peer }) => ({ status: peer.port === 9003 ? 200 : 503, body: String(peer.port) }),
    })
    const answer = await kit.request()
    expect(answer.status).toBe(200)
    expect(answer.text()).toBe('9003')
    expect(answer.upstreamRequests.map(({ peer }) => peer.port)).toEqual([9001, 9002, 9003])
    expect(answer.session.retryCount).toBe(2)
  })

  it('retry without another peer ends with 502', async () => {
    const filter: Filter = { name: 'picky', upstreamResponseFilter: async () => retry() }
    const answer = await testFilter(filter, {
      peers: 2,
      upstream: () => ({ body: 'x'.repeat(100_000) }),
    }).request()
    expect(answer.status).toBe(502)
    expect(answer.upstreamRequests).toHaveLength(2)
  })

  it('retry never sends a body again that is not kept', async () => {
    const filter: Filter = { name: 'picky', upstreamResponseFilter: () => retry() }
    const kit = testFilter(filter, {
      peers: 2,
      upstream: async ({ body }) => ({ body: String((await body).length) }),
    })
    const big = await kit.request({ method: 'POST', body: ['x'.repeat(60_000), 'y'.repeat(60_000)] })
    expect(big.status).toBe(502)
    expect(big.upstreamRequests.map(({ received }) => received.length)).toEqual([120_000])
    const small = await kit.request({ method: 'POST', body: ['x'.repeat(20_000), 'y'.repeat(20_000)] })
    expect(small.upstreamRequests.map(({ received }) => received.length)).toEqual([40_000, 40_000])
  })
})
