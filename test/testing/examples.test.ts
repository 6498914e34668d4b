import { afterEach, describe, expect, it, vi } from 'vitest'
import type { FilterOptions } from '#src/config/types.js'
import { loadFilter } from '#src/filters/index.js'
import type { Filter } from '#src/lifecycle/index.js'
import { connectionRefused, testFilter } from '#src/testing/index.js'

/** An example as a worker loads it. */
function example(name: string, options: FilterOptions = null): Promise<Filter> {
  const specifier = new URL(`../../examples/filters/${name}.ts`, import.meta.url).href
  return loadFilter({ kind: 'module', name, specifier, options })
}

describe('the examples', () => {
  afterEach(() => void vi.restoreAllMocks())

  it('require-token needs its options', async () => {
    await expect(example('require-token')).rejects.toThrow("filter require-token: 'tokens' is missing")
    const kit = testFilter(await example('require-token', { tokens: { t: 'ada' } }))
    const answer = await kit.request({ headers: { authorization: 'Bearer t' } })
    expect(answer.session.userCtx).toEqual({
      userId: 'ada',
      requestId: answer.session.requestId,
      authLevel: 1,
    })
  })

  it('check-json checks and completes an order', async () => {
    const kit = testFilter(await example('check-json'), {
      bufferedBodyBytes: 100,
      upstream: async ({ body }) => ({ body: await body }),
    })
    const send = (body: string) => kit.request({ method: 'POST', body })
    expect(JSON.parse((await send('{"amount":5}')).text())).toEqual({ amount: 5, checked: true })
    expect((await send('{"amount":')).status).toBe(400)
    expect((await send('{"amount":"5"}')).status).toBe(400)
    expect((await send(' '.repeat(101))).status).toBe(413)
    expect((await kit.request()).status).toBe(200)
  })

  it('count-bytes counts without changing anything', async () => {
    const info = vi.spyOn(console, 'info').mockImplementation(() => undefined)
    const body = ['x'.repeat(600_000), 'y'.repeat(600_000)]
    const answer = await testFilter(await example('count-bytes'), { upstream: () => ({ body }) }).request({
      path: '/a?b',
    })
    expect(answer.text()).toBe(body.join(''))
    expect(info).toHaveBeenCalledExactlyOnceWith({
      path: '/a',
      bytes: 1_200_000,
      tookMs: expect.any(Number),
      error: undefined,
    })
  })

  it('another-peer keeps a user on a peer until it is busy', async () => {
    const kit = testFilter(await example('another-peer'), {
      peers: 3,
      upstream: ({ peer }) => ({ status: peer.port === 9002 ? 503 : 200, body: String(peer.port) }),
    })
    const on = async (peer: string) => (await kit.request({ headers: { 'x-peer': peer } })).text()
    expect(await on('127.0.0.1:9003')).toBe('9003')
    expect(await on('127.0.0.1:9003')).toBe('9003')
    expect(await on('127.0.0.1:9002')).not.toBe('9002')
  })

  it('error-page is for people only', async () => {
    const kit = testFilter(await example('error-page'), {
      upstream: () => {
        throw connectionRefused()
      },
    })
    const page = await kit.request({ headers: { accept: 'text/html', 'user-agent': 'me' } })
    expect(page.status).toBe(502)
    expect(page.text()).toContain(page.session.requestId)
    const api = await kit.request({ headers: { accept: 'application/json' } })
    expect(api.headers.get('content-type')).toBe('application/json')
    expect(kit.logs.map((line) => line['summary'])).toEqual(['agent me', 'agent -'])
  })

  it('greet blocks and greets', async () => {
    const kit = testFilter(await example('greet'))
    expect((await kit.request({ headers: { 'x-block': '1' } })).status).toBe(403)
    expect((await kit.request()).headers.get('x-served-by')).toBe('headgate')
  })
})
