import { afterEach, describe, expect, it } from 'vitest'
import type { GatewayStats } from '#src/control/stats.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway, type TestConfig } from '../support/gateway.js'
import { fetchAnswer, keepAliveAgent, pooled } from '../support/http-client.js'
import { HttpOrigin, type OriginHandler, readBody, refusedPort } from '../support/http-origin.js'

conserved()

const NO_EJECTION = { maxShare: '0%' } as const

const toClose: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close()
})

async function origin(handler: OriginHandler): Promise<HttpOrigin> {
  const made = await HttpOrigin.start(handler)
  toClose.push(() => made.close())
  return made
}

/** Every second request of an origin is answered 503. */
function halfBad(): Promise<HttpOrigin> {
  let count = 0
  return origin((_request, response) => {
    count += 1
    if (count % 2 === 0) response.writeHead(503).end('busy')
    else response.end('fine')
  })
}

async function gatewayTo(
  app: Omit<TestConfig['upstreams'][string], 'ejection'>,
  workers = 1,
): Promise<InProcessGateway> {
  const upstreams = { app: { ejection: NO_EJECTION, ...app } }
  const gateway = await InProcessGateway.start({ workers, admin: '127.0.0.1:0', upstreams })
  toClose.push(() => gateway.close())
  return gateway
}

async function upstreamStats(gateway: InProcessGateway): Promise<GatewayStats['upstreams'][number]> {
  const { body } = await fetchAnswer(gateway.gateway.admin?.port ?? 0, '/stats.json')
  const [upstream] = (JSON.parse(body.toString()) as GatewayStats).upstreams
  if (upstream === undefined) throw new Error('no upstream in /stats.json')
  return upstream
}

describe('retries.on', () => {
  it('a status that it names is not seen by the client while another peer answers well', async () => {
    const bad = await origin((_request, response) => void response.writeHead(503).end('busy'))
    const good = await origin((_request, response) => void response.end('fine'))
    const gateway = await gatewayTo({
      peers: [bad.address, good.address],
      retries: { on: [503], budget: 'none', backoff: { base: '1ms' } },
    })
    for (let round = 0; round < 20; round += 1) {
      const answer = await fetchAnswer(gateway.port, '/')
      expect(`${answer.status} ${answer.body.toString()}`).toBe('200 fine')
    }
    expect(good.requests).toBe(20)
    // The retry is a turn of the balancer too, so that each session begins at the bad one.
    expect(bad.requests).toBe(20)
    // What was thrown away was read past: the connection served on.
    expect(bad.connections).toBe(1)
    await eventually('all retries are counted', () => gateway.stats.counters.retries === 20)
  })

  it('a status that it does not name goes to the client, and so does any without it', async () => {
    const bad = await origin((_request, response) => void response.writeHead(502).end('broken'))
    const gateway = await gatewayTo({
      peers: [bad.address, `127.0.0.1:${await refusedPort()}`],
      retries: { on: [503] },
    })
    const statuses = [await fetchAnswer(gateway.port, '/'), await fetchAnswer(gateway.port, '/')].map(
      ({ status, body }) => `${status} ${body.toString()}`,
    )
    expect(statuses).toEqual(['502 broken', '502 broken'])
  })

  it('F-24 a POST is not repeated, a PUT is with its body', async () => {
    const bodies: string[] = []
    const handler: OriginHandler = async (request, response) => {
      bodies.push(`${request.method} ${await readBody(request)}`)
      response.writeHead(503).end()
    }
    const gateway = await gatewayTo({
      peers: [(await origin(handler)).address, (await origin(handler)).address],
      retries: { on: [503], backoff: { base: 'none' } },
    })
    for (const method of ['POST', 'PUT']) {
      expect((await fetchAnswer(gateway.port, '/', { method, body: 'pay' })).status).toBe(503)
    }
    expect(bodies).toEqual(['POST pay', 'PUT pay', 'PUT pay'])
  })

  it('A-59, A-76 with every peer tried the last answer goes to the client', async () => {
    const peers = await Promise.all(
      ['a', 'b', 'c', 'd', 'e', 'f'].map((name) =>
        origin((_request, response) => void response.writeHead(503).end(name)),
      ),
    )
    const gateway = await gatewayTo({
      peers: peers.map(({ address }) => address),
      retries: { on: [503], backoff: { base: 'none' } },
    })
    const answer = await fetchAnswer(gateway.port, '/')
    expect(answer.status).toBe(503)
    expect(answer.body.toString()).toMatch(/^[a-f]$/)
    // One attempt and three retries, each at another.
    expect(peers.map(({ requests }) => requests).sort()).toEqual([0, 0, 1, 1, 1, 1])
  })
})

describe('A13 an upstream that answers every second request with 503', () => {
  it.each([1, 2])(
    'sees at most 1.2 times the requests over %d workers',
    { timeout: 60_000 },
    async (workers) => {
      const requests = 2000
      const peers = [await halfBad(), await halfBad()]
      const gateway = await gatewayTo(
        {
          peers: peers.map(({ address }) => address),
          retries: { max: 2, on: [503], budget: { share: '20%', minPerSecond: 0 }, backoff: { base: '1ms' } },
        },
        workers,
      )
      const agent = keepAliveAgent(8)
      let bad = 0
      await pooled(requests, 8, async () => {
        const { status } = await fetchAnswer(gateway.port, '/', { agent })
        if (status !== 200) bad += 1
      })
      agent.destroy()
      const seen = peers.reduce((sum, peer) => sum + peer.requests, 0)
      await eventually('all retries are counted', () => gateway.stats.counters.retries === seen - requests)
      expect(seen).toBeLessThanOrEqual(requests * 1.2)
      // The budget is used, and its end is told.
      expect(seen).toBeGreaterThan(requests * 1.15)
      const { retryOverflows } = await upstreamStats(gateway)
      // The others of the bad ones were retried, in vain.
      expect(retryOverflows).toBeLessThanOrEqual(bad)
      expect(retryOverflows).toBeGreaterThan(0)
      const metrics = await fetchAnswer(gateway.gateway.admin?.port ?? 0, '/metrics')
      expect(metrics.body.toString()).toContain(
        `headgate_upstream_retry_overflow_total{upstream="app"} ${retryOverflows}\n`,
      )
    },
  )

  it('A1 peers that refuse connections cost nothing of the budget', async () => {
    const good = await origin((_request, response) => void response.end('fine'))
    const gateway = await gatewayTo({
      peers: [`127.0.0.1:${await refusedPort()}`, good.address],
      retries: { budget: { share: '0%', minPerSecond: 0 }, backoff: { base: '10s', max: '10s' } },
    })
    for (let round = 0; round < 30; round += 1)
      expect((await fetchAnswer(gateway.port, '/')).status).toBe(200)
  })

  it('a retry that waits ends with timeouts.total', async () => {
    const bad = await halfBad()
    const worse = await origin((_request, response) => void response.writeHead(503).end())
    const gateway = await gatewayTo({
      peers: [worse.address, bad.address],
      timeouts: { total: '150ms' },
      retries: { on: [503], backoff: { base: '10m', max: '10m' } },
    })
    const answer = await fetchAnswer(gateway.port, '/')
    expect(answer.status).toBe(504)
    expect(bad.requests).toBe(0)
    await gateway.settle()
  })
})
