import { expect, expectTypeOf, it } from 'vitest'
import {
  MemoryStore,
  MemoryTransport,
  OpenRtbUpstream,
  resolveChain,
  SessionContext,
  type SessionMetricsSnapshot,
  type Upstream,
  UpstreamSession,
  VastUpstream,
  withMiddleware,
} from '#src/ads/index.js'
import { contextOf, setUp } from './setup.js'

it('C-13 whatever asks has request, and fetch as its alias; resolve unwraps, serve delivers', async () => {
  const transport = new MemoryTransport('<VAST version="4.2"/>')
  const vast = new VastUpstream({ transport, endpoint: 'http://ads.example/vast' })
  const rtb = new OpenRtbUpstream({
    transport: new MemoryTransport('{}'),
    endpoint: 'http://bid.example/',
    template: { imp: [{ id: '1', video: {} }] },
  })
  const wrapped = withMiddleware(vast, { retry: { maxRetries: 1 } })
  const session = new UpstreamSession({ upstream: vast, store: new MemoryStore() })
  for (const upstream of [vast, rtb, wrapped, session] as readonly Upstream[]) {
    const context = SessionContext.create()
    const [requested, fetched] = [await upstream.request({ context }), await upstream.fetch({ context })]
    expect([requested.kind, fetched.kind]).toEqual(['no-fill', 'no-fill'])
  }
  expect((await session.serve({ context: contextOf('alice') })).result.kind).toBe('no-fill')
  expect(resolveChain).toBeTypeOf('function')
})

it('C-02 the context says who and what, the session how many: serving changes no context', async () => {
  expectTypeOf<keyof SessionContext & keyof SessionMetricsSnapshot>().toEqualTypeOf<never>()
  const { session } = setUp()
  const context = contextOf('alice')
  const before = JSON.stringify(context)
  await session.request({ context })
  await session.request({ context })
  expect(JSON.stringify(context)).toBe(before)
  expect(Object.isFrozen(context)).toBe(true)
  expect(await session.remainingImpressions('alice', 'default')).toBe(1)
})
