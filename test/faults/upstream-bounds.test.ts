import { get } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import type { GatewayStats } from '#src/control/stats.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway, type TestConfig } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { HttpOrigin, type OriginHandler } from '../support/http-origin.js'

conserved()

const toClose: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close()
})

async function origin(handler: OriginHandler): Promise<HttpOrigin> {
  const made = await HttpOrigin.start(handler)
  toClose.push(() => made.close())
  return made
}

async function gatewayTo(app: TestConfig['upstreams'][string], workers = 2): Promise<InProcessGateway> {
  const config = { workers, admin: '127.0.0.1:0', upstreams: { app } }
  const gateway = await InProcessGateway.start(config)
  toClose.push(() => gateway.close())
  return gateway
}

async function statsOf(gateway: InProcessGateway): Promise<GatewayStats['upstreams'][number]> {
  const { body } = await fetchAnswer(gateway.gateway.admin?.port ?? 0, '/stats.json')
  const [upstream] = (JSON.parse(body.toString()) as GatewayStats).upstreams
  if (upstream === undefined) throw new Error('no upstream in /stats.json')
  return upstream
}

async function metricsOf(gateway: InProcessGateway): Promise<string> {
  return (await fetchAnswer(gateway.gateway.admin?.port ?? 0, '/metrics')).body.toString()
}

/** Holds its answers until it is told to give them. */
async function holding() {
  const held: (() => void)[] = []
  let most = 0
  let now = 0
  const made = await origin((_request, response) => {
    now += 1
    most = Math.max(most, now)
    held.push(() => {
      now -= 1
      response.end('fine')
    })
  })
  return { made, held, most: () => most }
}

describe('limits', () => {
  it('over two workers no more than maxConnections are at the upstream, and the others wait their turn', async () => {
    const { made, held, most } = await holding()
    const gateway = await gatewayTo({
      peers: [made.address],
      limits: { maxConnections: 3, pendingTimeout: '1m' },
    })
    const asked = Array.from({ length: 40 }, () => fetchAnswer(gateway.port, '/'))
    await eventually('the rest waits', async () => (await statsOf(gateway)).pending === 37)
    expect(await statsOf(gateway)).toMatchObject({ active: 3, limitRejected: 0 })
    expect(await metricsOf(gateway)).toContain('headgate_upstream_requests_pending{upstream="app"} 37\n')
    let served = 0
    while (served < 40) {
      await eventually('one is there', () => held.length > 0)
      held.shift()?.()
      served += 1
    }
    const statuses = (await Promise.all(asked)).map(({ status }) => status)
    expect(statuses).toEqual(Array.from({ length: 40 }, () => 200))
    expect(most()).toBe(3)
    await gateway.settle()
    await eventually('all is given back', async () => (await statsOf(gateway)).active === 0)
    expect((await statsOf(gateway)).pending).toBe(0)
  })

  it('with a full queue the answer is 503 at once, and so it is when the wait is over', async () => {
    const { made, held } = await holding()
    const gateway = await gatewayTo({
      peers: [made.address],
      limits: { maxConnections: 1, maxPending: 1, pendingTimeout: '300ms' },
    })
    const first = fetchAnswer(gateway.port, '/')
    await eventually('the first is there', () => held.length === 1)
    const second = fetchAnswer(gateway.port, '/')
    await eventually('the second waits', async () => (await statsOf(gateway)).pending === 1)
    for (const answer of [await fetchAnswer(gateway.port, '/'), await second]) {
      expect(answer.status).toBe(503)
      expect(answer.headers['proxy-status']).toBe('headgate; error=connection_limit_reached')
      expect(answer.headers['retry-after']).toBe('1')
    }
    held[0]?.()
    expect((await first).status).toBe(200)
    expect((await statsOf(gateway)).limitRejected).toBe(2)
    await gateway.settle()
  })

  it('an adaptive limit refuses like a fixed one, and grows with what it sees', async () => {
    const { made, held } = await holding()
    const gateway = await gatewayTo({
      peers: [made.address],
      limits: { maxConnections: 40, maxPending: 0 },
      concurrency: { adaptive: { min: 1, initial: 2, window: '50ms' } },
    })
    const pair = [fetchAnswer(gateway.port, '/'), fetchAnswer(gateway.port, '/')]
    await eventually('both are there', () => held.length === 2)
    const third = await fetchAnswer(gateway.port, '/')
    expect([third.status, third.headers['proxy-status'], third.headers['retry-after']]).toEqual([
      503,
      'headgate; error=connection_limit_reached',
      '1',
    ])
    expect(await metricsOf(gateway)).toContain('headgate_upstream_concurrency_limit{upstream="app"} 2\n')
    for (const answer of held.splice(0)) answer()
    await Promise.all(pair)
    await eventually('it has grown', async () => {
      const two = [fetchAnswer(gateway.port, '/'), fetchAnswer(gateway.port, '/')]
      await eventually('both are there', () => held.length === 2)
      for (const answer of held.splice(0)) answer()
      await Promise.all(two)
      return (await statsOf(gateway)).concurrencyLimit > 2
    })
    await gateway.settle()
  })

  it('a client that leaves gives up its place in the queue', async () => {
    const { made, held } = await holding()
    const gateway = await gatewayTo({
      peers: [made.address],
      limits: { maxConnections: 1, maxPending: 1, pendingTimeout: '1m' },
    })
    const first = fetchAnswer(gateway.port, '/')
    await eventually('the first is there', () => held.length === 1)
    const leaving = get({ host: '127.0.0.1', port: gateway.port, agent: false })
    leaving.on('error', () => undefined)
    await eventually('one waits', async () => (await statsOf(gateway)).pending === 1)
    leaving.destroy()
    await eventually('nobody waits', async () => (await statsOf(gateway)).pending === 0)
    const last = fetchAnswer(gateway.port, '/')
    await eventually('one waits', async () => (await statsOf(gateway)).pending === 1)
    held[0]?.()
    await eventually('the next is there', () => held.length === 2)
    held[1]?.()
    expect([(await first).status, (await last).status]).toEqual([200, 200])
    expect(made.requests).toBe(2)
    await gateway.settle()
  })
})

describe('breaker', () => {
  const NO_EJECTION = { maxShare: '0%' } as const

  it('opens for all workers, refuses at once with the time to wait, and closes after a probe', async () => {
    let status = 503
    const made = await origin((_request, response) => void response.writeHead(status).end())
    const gateway = await gatewayTo({
      peers: [made.address],
      ejection: NO_EJECTION,
      breaker: { failures: 4, open: '1500ms', halfOpen: 2 },
    })
    for (let i = 0; i < 4; i += 1) {
      const answer = await fetchAnswer(gateway.port, '/')
      expect(answer.headers['proxy-status']).toBeUndefined()
    }
    expect(await statsOf(gateway)).toMatchObject({ breaker: 'open', breakerOpened: 1 })
    expect(await metricsOf(gateway)).toContain(
      'headgate_upstream_breaker_state{upstream="app",state="open"} 1\n',
    )
    for (let i = 0; i < 6; i += 1) {
      const answer = await fetchAnswer(gateway.port, '/')
      expect(answer.status).toBe(503)
      expect(answer.headers['proxy-status']).toBe('headgate; error=destination_unavailable')
      expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    }
    expect(made.requests).toBe(4)
    expect((await statsOf(gateway)).breakerRejected).toBe(6)
    status = 200
    await eventually('it is half-open', async () => (await statsOf(gateway)).breaker === 'half-open')
    expect((await fetchAnswer(gateway.port, '/')).status).toBe(200)
    expect((await statsOf(gateway)).breaker).toBe('half-open')
    expect((await fetchAnswer(gateway.port, '/')).status).toBe(200)
    expect(await statsOf(gateway)).toMatchObject({ breaker: 'closed', breakerClosed: 1 })
    expect((await fetchAnswer(gateway.port, '/')).status).toBe(200)
    await gateway.settle()
  })

  it('lets one probe through at a time, and opens again when it fails', async () => {
    const held: (() => void)[] = []
    let isHeld = false
    const made = await origin((_request, response) => {
      const answer = () => void response.writeHead(502).end()
      if (isHeld) held.push(answer)
      else answer()
    })
    const gateway = await gatewayTo({
      peers: [made.address],
      ejection: NO_EJECTION,
      breaker: { errorShare: '50%', minRequests: 2, open: '200ms' },
    })
    for (let i = 0; i < 2; i += 1) await fetchAnswer(gateway.port, '/')
    expect((await statsOf(gateway)).breaker).toBe('open')
    isHeld = true
    await eventually('it is half-open', async () => (await statsOf(gateway)).breaker === 'half-open')
    const probe = fetchAnswer(gateway.port, '/')
    await eventually('the probe is there', () => held.length === 1)
    for (let i = 0; i < 5; i += 1) expect((await fetchAnswer(gateway.port, '/')).status).toBe(503)
    expect(made.requests).toBe(3)
    held[0]?.()
    expect((await probe).status).toBe(502)
    expect(await statsOf(gateway)).toMatchObject({ breakerOpened: 2, breakerRejected: 5 })
    await gateway.settle()
  })
})
