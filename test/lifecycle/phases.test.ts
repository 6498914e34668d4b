import { describe, expect, it } from 'vitest'
import type { Filter } from '#src/lifecycle/index.js'
import { generateRequestId } from '#src/session/request-id.js'
import type { Session } from '#src/session/session.js'
import { testFilter } from '#src/testing/index.js'

type Fields = Pick<Session, 'requestSent' | 'responseReceived' | 'retryCount' | 'cacheEnabled'> & {
  request: string | null
  response: number | null
  peer: number | null
  connected: boolean
  sent: boolean
  started: boolean
  ended: boolean
  answered: boolean
}

function fieldsOf(session: Session): Fields {
  const { timing } = session
  return {
    request: session.downstreamRequest?.method ?? null,
    response: session.downstreamResponse?.code ?? null,
    peer: session.upstreamPeer?.port ?? null,
    requestSent: session.requestSent,
    responseReceived: session.responseReceived,
    retryCount: session.retryCount,
    cacheEnabled: session.cacheEnabled,
    connected: timing.upstreamConnect !== null,
    sent: timing.upstreamRequestSent !== null,
    started: timing.upstreamResponseStart !== null,
    ended: timing.upstreamResponseEnd !== null,
    answered: timing.responseSent !== null,
  }
}

/** The contract's trace filter: the phase and the fields at its start. */
function trace(notes: [phase: string, fields: Fields][], asynchronous: boolean): Filter {
  const note = (phase: string, session: Session): void | Promise<void> => {
    notes.push([phase, fieldsOf(session)])
    return asynchronous ? Promise.resolve() : undefined
  }
  return {
    name: 'trace',
    earlyRequestFilter: (session) => note('2 early request filter', session) as undefined,
    requestFilter: (session) => note('2 request filter', session) as undefined,
    proxyUpstreamFilter: (session) => note('3 cache is behind', session) as undefined,
    upstreamPeer: (session) => note('4 upstream selection', session) as undefined,
    upstreamRequestFilter: (session) => note('5 upstream request', session) as undefined,
    connectedToUpstream: (session) => void note('5 connected', session),
    upstreamResponseFilter: (session) => note('6 upstream response', session) as undefined,
    responseFilter: (session) => note('7 response filter', session) as undefined,
    logging: (session) => note('9 cleanup', session),
  }
}

const START: Fields = {
  request: 'GET',
  response: null,
  peer: null,
  requestSent: false,
  responseReceived: false,
  retryCount: 0,
  cacheEnabled: false,
  connected: false,
  sent: false,
  started: false,
  ended: false,
  answered: false,
}

describe.each([
  ['synchronous', false],
  ['asynchronous', true],
])('the phases with %s hooks', (_name, asynchronous) => {
  it('A-61, A-62, A-64, A-65, A-66, A-67, A-68, A-69, A-70 run in order, with the fields set at the start of the next', async () => {
    const notes: [string, Fields][] = []
    const kit = testFilter(trace(notes, asynchronous), {
      upstream: () => ({ status: 203, body: ['a', 'b'] }),
    })
    const answer = await kit.request()
    expect(answer.status).toBe(203)
    const selected = { ...START, peer: 9001 }
    const sent = { ...selected, connected: true, sent: true, requestSent: true }
    const received = { ...sent, responseReceived: true, response: 203, started: true }
    // The body may have come to its end while an asynchronous hook was thinking.
    const ended = notes.find(([phase]) => phase.startsWith('7'))?.[1].ended ?? false
    expect(notes).toEqual([
      ['2 early request filter', START],
      ['2 request filter', START],
      ['3 cache is behind', START],
      ['4 upstream selection', START],
      ['5 upstream request', selected],
      ['5 connected', { ...selected, connected: true }],
      ['6 upstream response', received],
      ['7 response filter', { ...received, ended }],
      ['9 cleanup', { ...received, ended: true, answered: true }],
    ])
  })

  it('A-36, A-70 an answer of a filter goes from phase 2 to 7, without upstream times', async () => {
    const notes: [string, Fields][] = []
    const answering: Filter = {
      name: 'answering',
      requestFilter: () => ({ kind: 'respond', response: { status: 200, body: 'mine' } }),
    }
    const answer = await testFilter([trace(notes, asynchronous), answering]).request()
    expect(answer.text()).toBe('mine')
    expect(answer.upstreamRequests).toEqual([])
    expect(notes.map(([phase]) => phase)).toEqual([
      '2 early request filter',
      '2 request filter',
      '7 response filter',
      '9 cleanup',
    ])
    expect(answer.session.timing).toMatchObject({
      upstreamConnect: null,
      upstreamRequestSent: null,
      upstreamResponseStart: null,
      upstreamResponseEnd: null,
      responseSent: expect.any(Number),
    })
    expect(answer.session.upstreamPeer).toBeNull()
  })
})

describe('hooks', () => {
  it('run in the order of the route within a phase, and every phase for all filters before the next', async () => {
    const order: string[] = []
    const filter = (name: string): Filter => ({
      name,
      newCtx: () => void order.push(`${name} newCtx`),
      requestFilter: async () => {
        await null
        order.push(`${name} request`)
      },
      responseFilter: () => void order.push(`${name} response`),
      logging: () => void order.push(`${name} logging`),
      freeCtx: () => void order.push(`${name} freeCtx`),
    })
    await testFilter([filter('a'), filter('b')]).request()
    expect(order).toEqual(
      ['newCtx', 'request', 'response', 'logging', 'freeCtx'].flatMap((hook) => [`a ${hook}`, `b ${hook}`]),
    )
  })

  it('get the context that their own newCtx made, as last argument', async () => {
    const seen: unknown[] = []
    const filter = (name: string): Filter<{ name: string }> => ({
      name,
      newCtx: () => ({ name }),
      earlyRequestFilter: (_session, ctx) => void seen.push(ctx),
      upstreamPeer: (_session, _candidates, ctx) => void seen.push(ctx),
      upstreamRequestFilter: (_session, _request, ctx) => void seen.push(ctx),
      requestBodyFilter: (_session, _chunk, _end, ctx) => void seen.push(ctx),
      connectedToUpstream: (_session, _connection, ctx) => void seen.push(ctx),
      upstreamResponseFilter: (_session, _response, ctx) => void seen.push(ctx),
      upstreamResponseBodyFilter: (_session, _chunk, end, ctx) => void (end && seen.push(ctx)),
      upstreamResponseTrailerFilter: (_session, _trailers, ctx) => void seen.push(ctx),
      responseFilter: (_session, ctx) => void seen.push(ctx),
      responseBodyFilter: (_session, _chunk, end, ctx) => void (end && seen.push(ctx)),
      responseTrailerFilter: (_session, _trailers, ctx) => void seen.push(ctx),
      logging: (_session, _error, ctx) => void seen.push(ctx),
      freeCtx: (ctx) => void seen.push(ctx),
    })
    const without: Filter = { name: 'c', requestFilter: (_session, ctx) => void seen.push(ctx === undefined) }
    const kit = testFilter([filter('a'), filter('b'), without] as Filter[], {
      upstream: () => ({ body: ['x'], trailers: { t: '1' } }),
    })
    await kit.request({ method: 'POST', body: 'x' })
    expect(seen.filter((ctx) => ctx === true)).toHaveLength(1)
    const contexts = seen.filter((ctx) => ctx !== true)
    expect(contexts).toHaveLength(26)
    expect(new Set(contexts)).toHaveLength(2)
    expect(contexts.filter((ctx) => ctx === contexts[0])).toHaveLength(13)
  })

  it('see connection, candidates and trailers', async () => {
    const seen: unknown[] = []
    const filter: Filter = {
      name: 'looker',
      upstreamPeer: (_session, candidates) => void seen.push(candidates.map(({ port }) => port)),
      connectedToUpstream: (_session, { peer, reused }) => void seen.push([peer.port, reused]),
      upstreamResponseTrailerFilter: (_session, trailers) => {
        trailers.append('x-up', '1')
      },
      responseTrailerFilter: (_session, trailers) => {
        seen.push([...trailers])
        trailers.remove('x-up')
        trailers.append('x-down', '2')
      },
    }
    const upstream = () => ({ body: ['a'], trailers: { 'x-sum': '9' } })
    const answer = await testFilter(filter, { peers: 2, pooled: true, upstream }).request()
    expect(seen).toEqual([
      [9001, 9002],
      [9001, true],
      [
        ['x-sum', '9'],
        ['x-up', '1'],
      ],
    ])
    expect([...answer.trailers]).toEqual([
      ['x-sum', '9'],
      ['x-down', '2'],
    ])
    expect(answer.contentLength).toBeNull()
  })

  it('edit what goes up: the request itself for all attempts, a copy for one', async () => {
    let attempts = 0
    const filter: Filter = {
      name: 'editor',
      requestFilter(session) {
        session.reqHeaderMut()?.headers.append('x-all', '1')
      },
      upstreamRequestFilter(session, request) {
        attempts += 1
        request.headers.append('x-attempt', String(attempts))
        request.target = `/attempt-${attempts}`
        expect(session.reqHeader()?.headers.has('x-attempt')).toBe(false)
      },
    }
    const kit = testFilter(filter, {
      peers: 2,
      upstream: (request) => {
        if (request.attempt === 1) throw new Error('closed')
        return {}
      },
    })
    const { upstreamRequests } = await kit.request({ path: '/a?b' })
    expect(upstreamRequests.map((request) => request.target)).toEqual(['/attempt-1', '/attempt-2'])
    expect(upstreamRequests.map((request) => request.headers.getAll('x-attempt'))).toEqual([['1'], ['2']])
    expect(upstreamRequests.map((request) => request.headers.get('x-all'))).toEqual(['1', '1'])
  })

  it('informational answers pass, but for 100', async () => {
    const informational = [{ status: 100 }, { status: 103, headers: { link: '</a.css>' } }]
    const answer = await testFilter([], { upstream: () => ({ informational, body: 'x' }) }).request()
    expect(answer.informational.map(({ status, headers }) => [status, headers.get('link')])).toEqual([
      [103, '</a.css>'],
    ])
  })
})

describe('request ids', () => {
  it('A-23 are unique, and the same in session, upstream header and log line', async () => {
    const ids = new Set(Array.from({ length: 100_000 }, generateRequestId))
    expect(ids.size).toBe(100_000)
    const kit = testFilter([], {
      upstream: () => {
        throw new Error('closed')
      },
    })
    const answer = await kit.request()
    const id = answer.session.requestId
    expect(id).toMatch(/^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(answer.upstreamRequests[0]?.headers.getAll('x-request-id')).toEqual([id])
    expect(kit.logs.map((line) => line['reqId'])).toEqual([id])
    expect(JSON.parse(answer.text())).toMatchObject({ request_id: id })
  })
})
