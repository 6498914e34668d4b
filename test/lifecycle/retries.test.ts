import { describe, expect, it } from 'vitest'
import type { Filter } from '#src/lifecycle/index.js'
import { type GatewayError, MaxRetriesExceeded, NoPeerAvailable } from '#src/session/errors.js'
import { connectionClosed, connectionRefused, type TestUpstream, testFilter } from '#src/testing/index.js'
import {
  DEFAULT_MAX_RETRIES,
  handleRetry,
  mayRetry,
  PeerSet,
  selectAlternatePeer,
} from '#src/upstream/index.js'
import { newSession } from '../session/support.js'
import { errorDocument, turns } from './support.js'

const refusing: TestUpstream = () => {
  throw connectionRefused()
}
const closing: TestUpstream = () => {
  throw connectionClosed()
}

/** Answers on this peer only; the others do as told. */
function onlyOn(port: number, otherwise: TestUpstream): TestUpstream {
  return (request) => (request.peer.port === port ? { body: String(port) } : otherwise(request))
}

describe('handleRetry', () => {
  it('A-57, A-58, D4 calls 1 to 3 succeed, call 4 throws and leaves retryCount at 4', () => {
    const session = newSession()
    const last = connectionRefused()
    for (const count of [1, 2, 3]) {
      handleRetry(session)
      expect(session.retryCount).toBe(count)
    }
    let thrown: unknown
    try {
      handleRetry(session, DEFAULT_MAX_RETRIES, last)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(MaxRetriesExceeded)
    expect(thrown).toMatchObject({ attempts: 4, cause: last })
    expect(session.retryCount).toBe(4)
  })

  it('A-60 the limit is 3 by default, and configurable', () => {
    expect(DEFAULT_MAX_RETRIES).toBe(3)
    const session = newSession()
    handleRetry(session, 1)
    expect(() => handleRetry(session, 1)).toThrow(MaxRetriesExceeded)
  })
})

describe('selectAlternatePeer', () => {
  const peers = [1, 2].map((port) => ({ address: 'a', port, healthStatus: 'unknown' }) as const)

  it('A-59 takes a different peer than the failed one', () => {
    const session = newSession()
    session.upstreamPeer = { ...(peers[0] ?? { address: '', port: 0 }), healthStatus: 'healthy' }
    expect(selectAlternatePeer(session, peers)).toBe(peers[1])
    expect(session.upstreamPeer).toBe(peers[1])
  })

  it('A-59 throws NoPeerAvailable when none is left', () => {
    const session = newSession()
    session.upstreamPeer = peers[0] ?? null
    expect(() => selectAlternatePeer(session, peers.slice(0, 1))).toThrow(NoPeerAvailable)
    expect(session.upstreamPeer).toBe(peers[0])
  })
})

describe('mayRetry', () => {
  it.each([
    ['always', 'POST', true, true],
    ['always', 'GET', false, false],
    ['idempotent', 'GET', true, true],
    ['idempotent', 'DELETE', true, true],
    ['idempotent', 'POST', true, false],
    ['idempotent', 'PATCH', true, false],
    ['idempotent', 'get', true, false],
    ['never', 'GET', true, false],
  ] as const)('%s, %s, body kept: %s → %s', (decision, method, replayable, expected) => {
    expect(mayRetry(decision, method, replayable)).toBe(expected)
  })
})

describe('PeerSet', () => {
  const targets = [1, 2, 3].map((port) => ({ id: String(port), host: 'a', port }))

  it('rotates, leaves out what was tried, and tells when nothing is left', () => {
    const set = new PeerSet(targets)
    const ports = Array.from({ length: 4 }, () => set.select(null)?.port)
    expect(ports).toEqual([1, 2, 3, 1])
    expect(set.select(new Set(set.peers.slice(1)))?.port).toBe(1)
    expect(set.select(new Set(set.peers))).toBeNull()
    expect(new PeerSet([]).select(null)).toBeNull()
  })

  it('finds a peer by itself and by address', () => {
    const set = new PeerSet([...targets, { id: 's', host: '', port: 80, socketPath: '/run/app.sock' }])
    expect(set.find({ address: 'a', port: 2, healthStatus: 'healthy' })).toBe(set.peers[1])
    expect(set.find({ address: '/run/app.sock', port: 0, healthStatus: 'unknown' })).toBe(set.peers[3])
    expect(set.find({ address: 'b', port: 2, healthStatus: 'healthy' })).toBeNull()
  })
})

describe('retries', () => {
  it('A-59, C-19 never go to the failed peer', async () => {
    const kit = testFilter([], { peers: 2, upstream: onlyOn(9002, closing) })
    // The rotation starts elsewhere each time.
    for (let i = 0; i < 6; i += 1) {
      const { status, upstreamRequests } = await kit.request()
      expect(status).toBe(200)
      const ports = upstreamRequests.map(({ peer }) => peer.port)
      expect(new Set(ports).size).toBe(ports.length)
    }
  })

  it("A1 with all peers refusing the client gets the last attempt's error, each tried once", async () => {
    const kit = testFilter([], { peers: 3, upstream: refusing })
    const answer = await kit.request()
    expect(answer.status).toBe(502)
    expect(answer.headers.get('proxy-status')).toBe('headgate; error=connection_refused')
    expect(answer.error?.code).toBe('HG_CONNECT_FAILED')
    expect(answer.upstreamRequests.map(({ peer }) => peer.port)).toEqual([9001, 9002, 9003])
    expect(answer.session.retryCount).toBe(2)
    expect(kit.logs).toHaveLength(1)
  })

  it('A-57, A-58, A-60, A-76 end after 1 + 3 attempts, however many peers there are', async () => {
    const answer = await testFilter([], { peers: 9, upstream: refusing }).request()
    expect(answer.status).toBe(502)
    expect(answer.headers.get('proxy-status')).toBe('headgate; error=connection_refused')
    expect(answer.error).toBeInstanceOf(MaxRetriesExceeded)
    expect(answer.error).toMatchObject({ attempts: 4, cause: { code: 'HG_CONNECT_FAILED' } })
    expect(answer.upstreamRequests).toHaveLength(4)
    expect(answer.session.retryCount).toBe(4)
  })

  it.each([
    [0, 1],
    [1, 2],
    [5, 6],
  ])('A-60 with maxRetries %d there are %d attempts', async (maxRetries, attempts) => {
    const answer = await testFilter([], { peers: 9, maxRetries, upstream: refusing }).request()
    expect(answer.upstreamRequests).toHaveLength(attempts)
    expect(answer.status).toBe(502)
  })

  it('A-76 end within the deadline of the session', async () => {
    let attempts = 0
    const kit = testFilter([], {
      peers: 9,
      maxRetries: 8,
      timeouts: { headersMs: 400, totalMs: 1000 },
      upstream: () => {
        attempts += 1
        return new Promise(() => undefined)
      },
    })
    const pending = kit.request()
    let done = false
    void pending.then(() => {
      done = true
    })
    for (let elapsedMs = 0; !done && elapsedMs < 2000; elapsedMs += 100) {
      kit.advance(100)
      for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve))
    }
    const answer = await pending
    expect(answer.status).toBe(504)
    expect(answer.error?.message).toBe('the session took longer than 1000 ms')
    expect(attempts).toBe(3)
  })

  it('A-11, A-12, A-38 reset requestSent and responseReceived, and file the times of each attempt', async () => {
    const seen: unknown[] = []
    const filter: Filter = {
      name: 'look',
      upstreamPeer(session) {
        const { requestSent, responseReceived, downstreamResponse, upstreamPeer, timing } = session
        seen.push([requestSent, responseReceived, downstreamResponse, upstreamPeer])
        expect(timing.upstreamConnect).toBeNull()
      },
      upstreamResponseFilter: (_session, response) => (response.code === 500 ? { kind: 'retry' } : undefined),
    }
    const kit = testFilter(filter, {
      peers: 3,
      upstream: ({ attempt }) => {
        if (attempt === 1) throw connectionClosed()
        return attempt === 2 ? { status: 500, body: ['x', 'y'] } : { body: 'ok' }
      },
    })
    const { session, status } = await kit.request()
    expect(status).toBe(200)
    expect(seen).toEqual(Array(3).fill([false, false, null, null]))
    const { attempts, ...last } = session.timing
    expect(attempts).toMatchObject([
      { upstreamConnect: expect.any(Number), upstreamResponseStart: null, upstreamResponseEnd: null },
      {
        upstreamConnect: expect.any(Number),
        upstreamRequestSent: expect.any(Number),
        upstreamResponseStart: expect.any(Number),
        upstreamResponseEnd: null,
      },
    ])
    expect(last.upstreamConnect).toBeGreaterThanOrEqual(attempts[1]?.upstreamResponseStart ?? Number.NaN)
    expect(last.upstreamResponseEnd).not.toBeNull()
  })

  it.each(['POST', 'PATCH'])('a %s that may have been acted upon is not repeated', async (method) => {
    const answer = await testFilter([], { peers: 2, upstream: closing }).request({ method, body: 'x' })
    expect(answer.upstreamRequests).toHaveLength(1)
    expect(answer.status).toBe(502)
    expect(answer.headers.get('proxy-status')).toBe('headgate; error=connection_terminated')
  })

  it('a POST goes to another peer when the first takes no connection, whatever its size', async () => {
    const kit = testFilter([], {
      peers: 2,
      upstream: (request) => {
        if (request.attempt === 1) throw connectionRefused()
        return request.body.then((body) => ({ body }))
      },
    })
    const body = ['x'.repeat(90_000), 'y'.repeat(90_000), 'z'.repeat(300_000)]
    const answer = await kit.request({ method: 'POST', body })
    expect(answer.status).toBe(200)
    expect(answer.text()).toBe(body.join(''))
  })

  it('the method that was sent decides, not that of the client', async () => {
    const filter: Filter = {
      name: 'convert',
      upstreamRequestFilter(_session, request) {
        request.method = 'POST'
      },
    }
    const answer = await testFilter(filter, { peers: 2, upstream: closing }).request()
    expect(answer.upstreamRequests.map(({ method }) => method)).toEqual(['POST'])
  })

  it('nothing is repeated once the head was sent', async () => {
    const kit = testFilter(
      { name: 'eager', errorWhileProxy: () => 'always' },
      {
        peers: 2,
        upstream: () => ({
          body: (function* () {
            yield 'x'.repeat(100_000)
            throw new Error('gone')
          })(),
        }),
      },
    )
    const answer = await kit.request()
    expect(answer.upstreamRequests).toHaveLength(1)
    expect(answer.aborted).toBe(true)
    expect(answer.status).toBe(200)
    expect(answer.error?.reason).toBe('http_response_incomplete')
  })
})

describe('an attempt that is repeated while filters still work on its response', () => {
  it('sends nothing of that response, and shows filters no more of it', async () => {
    const seen: string[] = []
    const filter: Filter = {
      name: 'slow',
      errorWhileProxy: () => 'always',
      async responseBodyFilter(_session, chunk) {
        seen.push(String.fromCharCode(chunk[0] ?? 0))
        await turns(2)
        return undefined
      },
    }
    const kit = testFilter(filter, {
      peers: 2,
      async upstream({ attempt }) {
        if (attempt === 1) {
          return {
            body: (function* () {
              yield 'a'.repeat(50_000)
              yield 'b'.repeat(50_000)
              throw new Error('gone')
            })(),
          }
        }
        await turns(10)
        return { body: 'c' }
      },
    })
    const answer = await kit.request()
    expect(answer.text()).toBe('c')
    expect(answer.upstreamRequests).toHaveLength(2)
    expect(seen.filter((letter) => letter !== '\0')).toEqual(['a', 'c'])
  })
})

describe('a pooled connection that was closed', () => {
  it('A11 is replaced by a fresh one to the same peer for a GET, without counting as a retry', async () => {
    const kit = testFilter([], {
      pooled: true,
      maxRetries: 0,
      upstream: ({ attempt }) => {
        if (attempt === 1) throw connectionClosed()
        return { body: 'ok' }
      },
    })
    const answer = await kit.request()
    expect(answer.text()).toBe('ok')
    expect(answer.upstreamRequests.map(({ peer }) => peer.port)).toEqual([9001, 9001])
    expect(answer.session.retryCount).toBe(0)
  })

  it('A11 gives 502 for a POST, which is never sent twice', async () => {
    const answer = await testFilter([], { pooled: true, upstream: closing }).request({
      method: 'POST',
      body: 'x',
    })
    expect(answer.status).toBe(502)
    expect(answer.upstreamRequests).toHaveLength(1)
  })

  it('A11 is not replaced twice, nor when a filter says never', async () => {
    const twice = await testFilter([], { pooled: true, upstream: closing }).request()
    expect(twice.upstreamRequests).toHaveLength(2)
    const never = await testFilter(
      { name: 'n', errorWhileProxy: () => 'never' },
      { pooled: true, upstream: closing },
    ).request()
    expect(never.upstreamRequests).toHaveLength(1)
  })
})

describe('filters and retries', () => {
  it.each([
    ['failToConnect', refusing],
    ['errorWhileProxy', closing],
  ] as const)(
    '%s may overrule the decision both ways, and the last filter with an opinion decides',
    async (hook, upstream) => {
      const decide = (name: string, decision: unknown): Filter => ({ name, [hook]: () => decision })
      const options = { peers: 2, upstream }
      const post = { method: 'POST', body: 'x' }
      const never = await testFilter(decide('a', 'never'), options).request(post)
      expect(never.upstreamRequests).toHaveLength(1)
      const always = await testFilter(decide('a', 'always'), options).request(post)
      expect(always.upstreamRequests).toHaveLength(2)
      const both = await testFilter(
        [decide('a', 'never'), decide('b', 'always'), decide('c', undefined)],
        options,
      ).request(post)
      expect(both.upstreamRequests).toHaveLength(2)
    },
  )

  it.each(['failToConnect', 'errorWhileProxy'] as const)(
    'what %s throws or returns amiss is logged and changes nothing',
    async (hook) => {
      const upstream = hook === 'failToConnect' ? refusing : closing
      for (const play of [
        () => {
          throw new Error('boom')
        },
        () => true,
        () => Promise.resolve('never'),
      ]) {
        const kit = testFilter({ name: 'f', [hook]: play } as Filter, { peers: 2, upstream })
        const answer = await kit.request()
        expect(answer.upstreamRequests).toHaveLength(2)
        expect(kit.logs.filter((line) => line['msg'] === `filter 'f' failed in ${hook}`)).toHaveLength(2)
      }
    },
  )

  it('are told what failed', async () => {
    const seen: [string, string][] = []
    const note =
      (hook: string) =>
      (_session: unknown, error: GatewayError): undefined =>
        void seen.push([hook, error.code])
    const filter: Filter = {
      name: 'f',
      failToConnect: note('failToConnect'),
      errorWhileProxy: note('errorWhileProxy'),
      failToProxy: note('failToProxy'),
    }
    await testFilter(filter, {
      peers: 2,
      upstream: ({ attempt }) => {
        throw attempt === 1 ? connectionRefused() : connectionClosed()
      },
    }).request()
    expect(seen).toEqual([
      ['failToConnect', 'HG_CONNECT_FAILED'],
      ['errorWhileProxy', 'HG_UPSTREAM_CLOSED'],
      ['failToProxy', 'HG_UPSTREAM_CLOSED'],
    ])
  })

  it('upstreamPeer chooses among those not tried; any other peer leaves it to the balancer', async () => {
    const candidates: number[][] = []
    const filter: Filter = {
      name: 'sticky',
      upstreamPeer: async (_session, list) => {
        candidates.push(list.map(({ port }) => port))
        return { address: '127.0.0.1', port: 9002, healthStatus: 'unknown' }
      },
    }
    const kit = testFilter(filter, { peers: 3, upstream: onlyOn(9003, closing) })
    const answer = await kit.request()
    expect(answer.text()).toBe('9003')
    const [first, ...rest] = answer.upstreamRequests.map(({ peer }) => peer.port)
    expect(first).toBe(9002)
    expect(rest.at(-1)).toBe(9003)
    expect(candidates[0]).toEqual([9001, 9002, 9003])
    expect(candidates.slice(1).flat()).not.toContain(9002)
    const unknown = await testFilter({
      name: 'u',
      upstreamPeer: () => ({ address: 'x', port: 1, healthStatus: 'unknown' }),
    }).request()
    expect(unknown.status).toBe(200)
    const nothing = await testFilter({ name: 'u', upstreamPeer: () => null }).request()
    expect(nothing.status).toBe(200)
  })

  it('the first filter that chooses a peer has chosen', async () => {
    const choose = (port: number | null): Filter => ({
      name: `choose ${port}`,
      upstreamPeer: (_session, list) => list.find((peer) => peer.port === port) ?? null,
    })
    const answer = await testFilter([choose(null), choose(9003), choose(9002)], {
      peers: 3,
      upstream: ({ peer }) => ({ body: String(peer.port) }),
    }).request()
    expect(answer.text()).toBe('9003')
    expect(answer.phases.filter((phase) => phase === 'upstreamPeer')).toHaveLength(2)
  })

  it('A-59 without any peer there is NoPeerAvailable: 503 with Retry-After', async () => {
    const answer = await testFilter([], { peers: 0 }).request()
    expect(answer.status).toBe(503)
    expect(answer.error).toBeInstanceOf(NoPeerAvailable)
    expect(answer.headers.get('retry-after')).toBe('1')
    expect(errorDocument(answer)['message']).toBe('no upstream is available')
  })
})
