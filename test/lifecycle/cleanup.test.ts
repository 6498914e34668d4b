import { describe, expect, it } from 'vitest'
import type { HookName } from '#src/lifecycle/filter-chain.js'
import { type Filter, HOOK_NAMES, reject, respond } from '#src/lifecycle/index.js'
import { SessionClosed } from '#src/session/errors.js'
import type { Session } from '#src/session/session.js'
import { connectionRefused, type TestAnswer, type TestKit, testFilter } from '#src/testing/index.js'
import { deferred, turns } from './support.js'

/** Counts what must happen once, and looks at the session after its end. */
class Witness {
  readonly order: string[] = []
  session: Session | null = null
  error: string | null | undefined

  get filter(): Filter<{ readonly made: true }> {
    return {
      name: 'witness',
      newCtx: () => ({ made: true }),
      earlyRequestFilter: (session) => {
        this.session = session
        session.defer(() => this.order.push('release 1'))
        session.defer(() => this.order.push('release 2'))
      },
      logging: (session, error) => {
        // Valid until here.
        session.requestId()
        this.error = error?.code ?? null
        this.order.push('logging')
      },
      freeCtx: (ctx) => this.order.push(ctx.made ? 'freeCtx' : 'freeCtx of nothing'),
    } as Filter<{ readonly made: true }>
  }

  expectOnce(): void {
    expect(this.order).toEqual(['logging', 'freeCtx', 'release 2', 'release 1'])
    expect(() => this.session?.timing).toThrow(SessionClosed)
  }
}

type Path = (witness: Witness) => Promise<{ kit: TestKit; answer: TestAnswer }>

function path(
  other: Filter | null,
  options: Parameters<typeof testFilter>[1] = {},
  request: Parameters<TestKit['request']>[0] = {},
): Path {
  return async (witness) => {
    const kit = testFilter([witness.filter, ...(other === null ? [] : [other])] as Filter[], options)
    return { kit, answer: await kit.request(request) }
  }
}

const PATHS: Record<string, [path: Path, error: string | null]> = {
  success: [path(null), null],
  'a streamed success': [path(null, { upstream: () => ({ body: ['a', 'b'] }) }), null],
  reject: [path({ name: 'f', requestFilter: () => reject(403, 'no') }), 'HG_FILTERED'],
  'reject of the response': [
    path({ name: 'f', responseFilter: async () => reject(403, 'no') }),
    'HG_FILTERED',
  ],
  respond: [path({ name: 'f', requestFilter: () => respond({ status: 204 }) }), null],
  'an upstream that refuses': [
    path(null, {
      peers: 2,
      upstream: () => {
        throw connectionRefused()
      },
    }),
    'HG_CONNECT_FAILED',
  ],
  'an upstream that breaks off': [
    path(null, {
      upstream: () => ({
        body: (function* () {
          yield 'x'.repeat(100_000)
          throw new Error('gone')
        })(),
      }),
    }),
    'HG_UPSTREAM_CLOSED',
  ],
  'a body that is too large': [
    path(
      { name: 'f', bufferRequestBody: true },
      { bufferedBodyBytes: 10 },
      { method: 'POST', body: ['123456', '789012'] },
    ),
    'HG_BODY_TOO_LARGE',
  ],
  'an upstream that never answers': [
    async (witness) => {
      const asked = deferred()
      const kit = testFilter(witness.filter as Filter, {
        upstream: () => {
          asked.resolve()
          return new Promise(() => undefined)
        },
      })
      const pending = kit.request()
      await asked.promise
      kit.advance(15_000)
      return { kit, answer: await pending }
    },
    'HG_TIMEOUT',
  ],
  'a session that takes too long': [
    async (witness) => {
      const kit = testFilter(
        [witness.filter as Filter, { name: 'f', requestFilter: () => new Promise(() => undefined) }],
        {
          filterMs: 0,
          timeouts: { totalMs: 1000 },
        },
      )
      const pending = kit.request()
      kit.advance(1000)
      return { kit, answer: await pending }
    },
    'HG_TIMEOUT',
  ],
  'a client that leaves while a filter thinks': [
    async (witness) => {
      const late = deferred()
      const control = new AbortController()
      const kit = testFilter([
        witness.filter as Filter,
        { name: 'slow', requestFilter: () => late.promise },
        {
          name: 'behind',
          requestFilter: () => {
            witness.order.push('a hook after the end')
          },
        },
      ])
      const pending = kit.request({ signal: control.signal })
      control.abort()
      const answer = await pending
      late.resolve()
      await turns()
      return { kit, answer }
    },
    'HG_CLIENT_ABORTED',
  ],
  'a client that leaves while a filter thinks about a piece of body': [
    async (witness) => {
      const late = deferred()
      const called = deferred()
      const control = new AbortController()
      const slow: Filter = {
        name: 'slow',
        responseBodyFilter() {
          if (witness.order.length > 0) witness.order.push('a hook after the end')
          called.resolve()
          return late.promise
        },
      }
      const kit = testFilter([witness.filter as Filter, slow], {
        upstream: () => ({ body: ['a'.repeat(50_000), 'b'.repeat(50_000), 'c'] }),
      })
      const pending = kit.request({ signal: control.signal })
      await called.promise
      await turns()
      control.abort()
      const answer = await pending
      late.resolve()
      await turns()
      return { kit, answer }
    },
    'HG_CLIENT_ABORTED',
  ],
  'a client that leaves during the answer': [
    async (witness) => {
      const control = new AbortController()
      const kit = testFilter(witness.filter as Filter, {
        upstream: () => ({
          body: (async function* () {
            yield 'x'.repeat(100_000)
            control.abort()
            yield 'y'
          })(),
        }),
      })
      return { kit, answer: await kit.request({ signal: control.signal }) }
    },
    'HG_CLIENT_ABORTED',
  ],
  'a client whose body breaks off': [
    path(
      null,
      {},
      {
        method: 'POST',
        body: (function* () {
          yield 'a'
          throw new Error('gone')
        })(),
      },
    ),
    'HG_CLIENT_ABORTED',
  ],
  'the end of the worker': [
    async (witness) => {
      const asked = deferred()
      const kit = testFilter(witness.filter as Filter, {
        upstream: () => {
          asked.resolve()
          return new Promise(() => undefined)
        },
      })
      const pending = kit.request()
      await asked.promise
      kit.shutdown()
      return { kit, answer: await pending }
    },
    'HG_WORKER_LOST',
  ],
}

describe('cleanup', () => {
  it.each(Object.entries(PATHS))(
    'A-02, A-46, A-71, A-74 runs exactly once on: %s',
    async (_name, [run, code]) => {
      const witness = new Witness()
      const { kit, answer } = await run(witness)
      await turns()
      witness.expectOnce()
      expect(witness.error).toBe(code)
      expect(answer.error?.code ?? null).toBe(code)
      expect(kit.liveSessions).toBe(0)
    },
  )

  const failing = HOOK_NAMES.filter((hook) => hook !== 'newCtx')

  it.each(failing)('A-02, A-46, A-71 runs exactly once when %s throws', async (hook) => {
    const witness = new Witness()
    const answer = await requestThatReaches(hook, witness, () => {
      throw new Error('boom')
    })
    await turns()
    expect(answer.phases).toContain(hook)
    witness.expectOnce()
  })

  it('A-46 a context that could not be made is not freed, and its filter sees nothing of the session', async () => {
    const witness = new Witness()
    const broken: Filter = {
      name: 'broken',
      newCtx: () => {
        throw new Error('boom')
      },
      requestFilter: () => undefined,
      responseFilter: () => undefined,
      logging: () => undefined,
      freeCtx: () => undefined,
    }
    const late: Filter<number> = {
      name: 'late',
      newCtx: () => 1,
      logging: () => undefined,
      freeCtx: () => undefined,
    }
    const free: Filter = { name: 'free', responseFilter: () => undefined, logging: () => undefined }
    const kit = testFilter([witness.filter, broken, late, free] as Filter[])
    const answer = await kit.request()
    await turns()
    expect(answer.status).toBe(500)
    expect(JSON.parse(answer.text())).toMatchObject({ message: "filter 'broken' failed in newCtx" })
    expect(witness.order).toEqual(['logging', 'freeCtx'])
    expect(answer.calls.filter(({ filter }) => filter !== 'witness')).toEqual([
      { filter: 'broken', hook: 'newCtx' },
      { filter: 'free', hook: 'responseFilter' },
      { filter: 'free', hook: 'logging' },
    ])
    expect(kit.liveSessions).toBe(0)
  })

  it('waits for an asynchronous logging, during which the session is valid', async () => {
    const logged = deferred()
    const order: string[] = []
    const filter: Filter<string> = {
      name: 'f',
      newCtx: () => 'ctx',
      async logging(session) {
        await logged.promise
        order.push(`logging ${session.reqHeader()?.uri.path}`)
      },
      freeCtx: (ctx) => void order.push(`free ${ctx}`),
    }
    const kit = testFilter(filter as Filter)
    const pending = kit.request({ path: '/a' })
    await turns(10)
    expect(kit.liveSessions).toBe(1)
    expect(order).toEqual([])
    logged.resolve()
    await pending
    expect(order).toEqual(['logging /a', 'free ctx'])
  })

  it('does not wait for ever for a logging that never settles', async () => {
    const sent = deferred()
    const freed: string[] = []
    const filter: Filter<string> = {
      name: 'forgetful',
      newCtx: () => 'ctx',
      logging: () => {
        sent.resolve()
        return new Promise(() => undefined)
      },
      freeCtx: (ctx) => void freed.push(ctx),
    }
    const kit = testFilter(filter as Filter, { filterMs: 500 })
    const pending = kit.request()
    await sent.promise
    kit.advance(500)
    const answer = await pending
    expect(answer.status).toBe(200)
    expect(answer.error).toBeNull()
    expect(freed).toEqual(['ctx'])
    expect(kit.logs).toMatchObject([{ level: 'error', msg: "filter 'forgetful' failed in logging" }])
  })
})

/** A session in which the hook is reached; `play` is what it does. */
async function requestThatReaches(hook: HookName, witness: Witness, play: () => never): Promise<TestAnswer> {
  const failure = ['failToProxy', 'suppressErrorLog', 'requestSummary', 'errorWhileProxy'].includes(hook)
  const refused = hook === 'failToConnect'
  const other: Filter = {
    name: 'other',
    [hook]: play,
    ...(hook === 'freeCtx' ? { newCtx: () => 1 } : {}),
    // Asked of those that have the body's hook.
    ...(hook === 'responseBodyStart' ? { responseBodyFilter: () => undefined } : {}),
    ...(hook === 'upstreamResponseBodyStart' ? { upstreamResponseBodyFilter: () => undefined } : {}),
  }
  const kit = testFilter([witness.filter as Filter, other], {
    upstream: () => {
      if (refused) throw connectionRefused()
      if (failure) throw new Error('closed')
      return { body: ['a'], trailers: { t: '1' } }
    },
  })
  if (!CACHE_HOOKS.includes(hook)) return kit.request({ method: 'POST', body: 'abc' })
  return reachCacheHook(hook, witness, other)
}

const CACHE_HOOKS: readonly HookName[] = [
  'requestCacheFilter',
  'cacheKey',
  'cacheHitFilter',
  'cacheMiss',
  'responseCacheFilter',
  'cacheVaryFilter',
  'shouldServeStale',
]

/** A request that meets a stored answer where the hook is one for those. The filters are only there for the last request. */
async function reachCacheHook(hook: HookName, witness: Witness, other: Filter): Promise<TestAnswer> {
  const needsStored = hook === 'cacheHitFilter' || hook === 'shouldServeStale'
  let isLast = !needsStored
  const gated = (filter: Filter): Filter => {
    const entries = Object.entries(filter).map(([name, value]: [string, unknown]) => {
      if (typeof value !== 'function') return [name, value]
      return [name, (...args: unknown[]): unknown => (isLast ? value.apply(filter, args) : undefined)]
    })
    return Object.fromEntries(entries) as Filter
  }
  const age = hook === 'shouldServeStale' ? '100' : '0'
  const headers = { 'cache-control': 'max-age=60, stale-while-revalidate=60', etag: '"a"', age }
  const filters = [gated(witness.filter as Filter), gated(other)]
  const kit = testFilter(filters, { cache: true, upstream: () => ({ headers, body: 'a' }) })
  if (needsStored) await kit.request()
  isLast = true
  const answer = await kit.request()
  expect(answer.error?.message).toContain(hook)
  return answer
}
