import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { compileFilters } from '../support/compile-filter.js'
import { conserved } from '../support/conservation.js'
import { InProcessGateway, type TestConfig } from '../support/gateway.js'
import { fetchAnswer, keepAliveAgent, pooled, send } from '../support/http-client.js'
import { HttpOrigin, type OriginHandler, readBody, refusedPort } from '../support/http-origin.js'

conserved()

const ROUNDS = 1000

const filters = compileFilters(new URL('./filters/picky.ts', import.meta.url))
const toClose: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close()
})
afterAll(() => filters.remove())

async function origin(handler: OriginHandler): Promise<HttpOrigin> {
  const made = await HttpOrigin.start(handler)
  toClose.push(() => made.close())
  return made
}

async function gatewayTo(peers: string[], more: Partial<TestConfig> = {}): Promise<InProcessGateway> {
  const gateway = await InProcessGateway.start({ workers: 1, upstreams: { app: { peers } }, ...more })
  toClose.push(() => gateway.close())
  return gateway
}

describe('retries', () => {
  it.each(['GET', 'POST'])(
    'A1 %s: a peer that refuses connections costs no client anything while another one serves',
    async (method) => {
      const good = await origin(async (request, response) => void response.end(await readBody(request)))
      const gateway = await gatewayTo([`127.0.0.1:${await refusedPort()}`, good.address])
      const body = method === 'POST' ? { body: 'the body' } : {}
      for (let round = 0; round < 40; round += 1) {
        const answer = await fetchAnswer(gateway.port, '/', { method, ...body })
        expect(`${answer.status} ${answer.body.toString()}`).toBe(`200 ${body.body ?? ''}`)
      }
      const { counters } = await gateway.settle()
      expect(counters.answered).toBe(40)
      expect(good.requests).toBe(40)
    },
  )

  it('a filter has the answer of one peer thrown away and another peer asked', async () => {
    const asked: string[] = []
    const tired = await origin((request, response) => {
      asked.push(`tired ${request.url}`)
      response.writeHead(503).end('too tired')
    })
    const good = await origin((request, response) => {
      asked.push(`good ${request.url}`)
      response.end('fine')
    })
    const routes = [{ upstream: 'app', filters: [filters.path('picky')] }]
    const gateway = await gatewayTo([tired.address, good.address], { routes })
    for (let round = 0; round < 20; round += 1) {
      const answer = await fetchAnswer(gateway.port, `/${round}`)
      expect(`${answer.status} ${answer.body.toString()}`).toBe('200 fine')
    }
    // Each session asks a peer once at most.
    expect(new Set(asked).size).toBe(asked.length)
    expect(good.requests).toBe(20)
  })

  it('with nothing but refusing peers a session ends, with the reason of the last attempt', async () => {
    const peers = [`127.0.0.1:${await refusedPort()}`, `127.0.0.1:${await refusedPort()}`]
    const gateway = await gatewayTo(peers)
    const answer = await fetchAnswer(gateway.port, '/')
    expect(answer.status).toBe(502)
    expect(answer.headers['proxy-status']).toBe('headgate; error=connection_refused')
    await gateway.settle()
  })
})

/** Two ways of losing the race: the connection goes when its next request is there, or right behind an answer. */
const RACES: readonly (readonly [string, OriginHandler])[] = [
  [
    'hangs up on the second request of a connection',
    async (request, response) => {
      const used = usedSockets.has(request.socket)
      usedSockets.add(request.socket)
      const body = await readBody(request)
      record(body)
      if (used) request.socket.destroy()
      else response.end('fine')
    },
  ],
  [
    'closes the connection right behind its answer',
    async (request, response) => {
      record(await readBody(request))
      response.end('fine', () => setImmediate(() => request.socket.destroy()))
    },
  ],
]

const usedSockets = new WeakSet<object>()
const seenBodies = new Map<string, number>()

function record(body: Buffer): void {
  const text = body.toString()
  if (text !== '') seenBodies.set(text, (seenBodies.get(text) ?? 0) + 1)
}

describe.each(RACES)('A11 an upstream that %s', (_, handler) => {
  it(`${ROUNDS} GETs: not one client sees an error`, { timeout: 60_000 }, async () => {
    const racing = await origin(handler)
    const gateway = await gatewayTo([racing.address])
    const agent = keepAliveAgent(4)
    const wrong: unknown[] = []
    await pooled(ROUNDS, 4, async (index) => {
      const outcome = await send(gateway.port, `/${index}`, { agent })
      if (outcome.kind !== 'answer' || outcome.status !== 200) wrong.push(outcome)
    })
    agent.destroy()
    expect(wrong).toEqual([])
    const { counters } = await gateway.settle()
    expect(counters).toMatchObject({ requests: ROUNDS, 'status:2xx': ROUNDS })
    expect(racing.failures).toEqual([])
  })

  it(`${ROUNDS} POSTs: answered or 502, and no body is sent twice`, { timeout: 60_000 }, async () => {
    seenBodies.clear()
    const racing = await origin(handler)
    const gateway = await gatewayTo([racing.address])
    const agent = keepAliveAgent(4)
    const statuses = new Map<number, number>()
    await pooled(ROUNDS, 4, async (index) => {
      const answer = await fetchAnswer(gateway.port, '/', { method: 'POST', body: `body ${index}`, agent })
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
    })
    agent.destroy()
    const { 200: fine = 0, 502: lost = 0, ...others } = Object.fromEntries(statuses)
    expect(others).toEqual({})
    expect(fine + lost).toBe(ROUNDS)
    expect(fine).toBeGreaterThan(0)
    expect([...seenBodies.values()].filter((times) => times !== 1)).toEqual([])
    expect(seenBodies.size).toBeGreaterThanOrEqual(fine)
    await gateway.settle()
  })
})
