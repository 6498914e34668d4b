import { once } from 'node:events'
import { createServer, get, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess, InProcessGateway, type TestConfig } from '../support/gateway.js'
import { fetchAnswer, keepAliveAgent, send } from '../support/http-client.js'
import { HttpOrigin, refusedPort } from '../support/http-origin.js'

conserved()

const toClose: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close()
})

interface Origin {
  readonly origin: HttpOrigin
  status: number
  checks: number
  served: number
}

/** An origin that answers with its status, and counts checks apart. */
async function origin(): Promise<Origin> {
  const made: { -readonly [K in keyof Origin]?: Origin[K] } & Omit<Origin, 'origin'> = {
    status: 200,
    checks: 0,
    served: 0,
  }
  made.origin = await HttpOrigin.start((request, response) => {
    if (request.url === '/health') made.checks += 1
    else made.served += 1
    response.writeHead(made.status).end('ok')
  })
  const whole = made as Origin
  toClose.push(() => whole.origin.close())
  return whole
}

async function start(config: TestConfig): Promise<InProcessGateway> {
  const gateway = await InProcessGateway.start(config)
  toClose.push(() => gateway.close())
  return gateway
}

interface Peer {
  readonly peer: string
  readonly health: string
  readonly inFlight: number
  readonly ejections: number
  readonly latencyMs: number
}

function ask(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        body += text
      })
      response.on('end', () => resolve(body))
    }).on('error', reject)
  })
}

async function peersOf(gateway: InProcessGateway): Promise<readonly Peer[]> {
  const stats = JSON.parse(await ask(gateway.gateway.admin?.port ?? 0, '/stats.json'))
  return stats.upstreams[0].peers
}

const EJECTION = { serverErrors: 3, time: '300ms' } as const

describe('passive health', () => {
  it('A14 one of three peers answers 500: no worker asks it after N, and when it is well it is back by one probe, without active checks', {
    timeout: 60_000,
  }, async () => {
    const origins = [await origin(), await origin(), await origin()] as const
    const [ill] = origins
    ill.status = 500
    const gateway = await start({
      admin: '127.0.0.1:0',
      upstreams: {
        app: {
          peers: origins.map(({ origin }) => origin.address),
          ejection: { serverErrors: 3, time: '2s' },
        },
      },
    })
    for (let i = 0; i < 40; i += 1) await fetchAnswer(gateway.port, '/')
    // Both workers share the count.
    expect(ill.served).toBe(3)
    const before = await peersOf(gateway)
    expect(before.map(({ health }) => health)).toEqual(['unhealthy', 'healthy', 'healthy'])
    expect(before[0]).toMatchObject({ peer: ill.origin.address, ejections: 1, inFlight: 0 })
    expect(before.some(({ latencyMs }) => latencyMs > 0)).toBe(true)
    const metrics = await ask(gateway.gateway.admin?.port ?? 0, '/metrics')
    expect(metrics).toContain('headgate_upstream_peers{upstream="app",state="unhealthy"} 1\n')
    expect(metrics).toContain('headgate_upstream_ejections_total{upstream="app"} 1\n')
    expect(metrics).toContain('headgate_upstream_health_changes_total{upstream="app",to="unhealthy"} 1\n')
    ill.status = 200
    await eventually('the peer is back', async () => {
      expect((await fetchAnswer(gateway.port, '/')).status).toBe(200)
      return (await peersOf(gateway))[0]?.health === 'healthy'
    })
    const served = ill.served
    for (let i = 0; i < 30; i += 1) await fetchAnswer(gateway.port, '/')
    expect(ill.served - served).toBeGreaterThanOrEqual(8)
    await gateway.settle()
    for (const { inFlight } of await peersOf(gateway)) expect(inFlight).toBe(0)
  })

  it('one line tells of each change, with peer, from, to and reason', { timeout: 60_000 }, async () => {
    const [good, ill] = [await origin(), await origin()]
    ill.status = 503
    const gateway = await GatewayProcess.start({
      workers: 2,
      log: { access: false },
      upstreams: { app: { peers: [good.origin.address, ill.origin.address], ejection: EJECTION } },
    })
    toClose.push(() => gateway.close())
    await eventually('it is ejected', async () => {
      await fetchAnswer(gateway.port, '/')
      return gateway.log.saying('-> unhealthy').length > 0
    })
    ill.status = 200
    await eventually('it is restored', async () => {
      await fetchAnswer(gateway.port, '/')
      return gateway.log.saying('probe passed').length > 0
    })
    const lines = gateway.log.having(
      (line) => line['peer'] !== undefined && line['reason'] !== 'probe failed',
    )
    const seen = lines.map(({ level, upstream, peer, from, to, reason }) => ({
      ...{ level, upstream, peer, from, to, reason },
    }))
    const peer = ill.origin.address
    expect(seen).toEqual([
      {
        ...{ level: 'warn', upstream: 'app', peer, from: 'unknown', to: 'unhealthy' },
        reason: 'consecutive server errors',
      },
      {
        ...{ level: 'info', upstream: 'app', peer, from: 'unhealthy', to: 'healthy' },
        reason: 'probe passed',
      },
    ])
  })

  it('A14 all peers ill: all are asked, since there is nobody better', async () => {
    const origins = [await origin(), await origin()]
    for (const each of origins) each.status = 500
    const peers = origins.map(({ origin }) => origin.address)
    const ejection = { ...EJECTION, time: '1m', maxShare: '100%' } as const
    const gateway = await start({ upstreams: { app: { peers, ejection } } })
    for (let i = 0; i < 30; i += 1) expect((await fetchAnswer(gateway.port, '/')).status).toBe(500)
    for (const { served } of origins) expect(served).toBeGreaterThanOrEqual(8)
  })

  it('A-59 with panic switched off, 503 NoPeerAvailable at once', async () => {
    const ill = await origin()
    ill.status = 500
    const app = {
      peers: [ill.origin.address],
      panicThreshold: '0%' as const,
      ejection: { ...EJECTION, time: '1m' as const },
    }
    const gateway = await start({ upstreams: { app } })
    const statuses: number[] = []
    for (let i = 0; i < 5; i += 1) statuses.push((await fetchAnswer(gateway.port, '/')).status)
    expect(statuses).toEqual([500, 500, 500, 503, 503])
    await eventually('both are counted', () => gateway.stats.counters['error:destination_unavailable'] === 2)
  })

  it('a worker that dies gives back what it had in flight', { timeout: 60_000 }, async () => {
    const waiting = await HttpOrigin.start(() => undefined)
    toClose.push(() => waiting.close())
    const gateway = await start({
      admin: '127.0.0.1:0',
      workers: 1,
      workerLimits: { watchdog: '500ms' },
      upstreams: { app: { peers: [waiting.address] } },
      routes: [{ upstream: 'app', filters: [new URL('./filters/sleepy.mjs', import.meta.url).pathname] }],
    })
    const first = send(gateway.port, '/')
    await eventually('it is in flight', async () => (await peersOf(gateway))[0]?.inFlight === 1)
    const second = send(gateway.port, '/stuck')
    const answers = await Promise.all([first, second])
    expect(answers.map((answer) => (answer.kind === 'answer' ? answer.status : 0))).toEqual([502, 502])
    await eventually('it is given back', async () => (await peersOf(gateway))[0]?.inFlight === 0)
  })
})

describe('under load', () => {
  it('one of three peers is killed and comes back, again and again: no client sees an error', {
    timeout: 60_000,
  }, async () => {
    const others = [await origin(), await origin()]
    let served = 0
    const startPeer = async (port: number): Promise<Server> => {
      const server = createServer((_, response) => {
        served += 1
        setTimeout(() => response.end('ok'), 2)
      })
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
      return server
    }
    const stopPeer = async (server: Server): Promise<void> => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    }
    let mortal = await startPeer(0)
    toClose.push(() => stopPeer(mortal))
    const { port } = mortal.address() as AddressInfo
    const peers = [...others.map(({ origin }) => origin.address), `127.0.0.1:${port}`]
    const gateway = await start({
      upstreams: { app: { peers, ejection: { time: '100ms', maxTime: '200ms' } } },
    })
    const agent = keepAliveAgent(8)
    let stopped = false
    const statuses = new Map<number | string, number>()
    const load = Array.from({ length: 8 }, async () => {
      while (!stopped) {
        const outcome = await send(gateway.port, '/', { agent })
        const status = outcome.kind === 'answer' ? outcome.status : outcome.code
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    })
    for (let round = 0; round < 4; round += 1) {
      const before = served
      await eventually('it serves', () => served > before + 20)
      await stopPeer(mortal)
      const total = statuses.get(200) ?? 0
      await eventually('the others serve', () => (statuses.get(200) ?? 0) > total + 100)
      mortal = await startPeer(port)
    }
    stopped = true
    await Promise.all(load)
    agent.destroy()
    expect([...statuses.keys()]).toEqual([200])
    await gateway.settle()
  })
})

describe('active health', () => {
  it('also without an admin listener one place checks for all workers, and tells of what has changed', {
    timeout: 60_000,
  }, async () => {
    const [good, ill] = [await origin(), await origin()]
    const dead = `127.0.0.1:${await refusedPort()}`
    const health = {
      path: '/health',
      interval: '100ms',
      timeout: '1s',
      healthyAfter: 2,
      unhealthyAfter: 3,
    } as const
    const peers = [good.origin.address, ill.origin.address, dead]
    const gateway = await start({ admin: false, workers: 2, upstreams: { app: { peers, health } } })
    const turned = (to: string, peer: string) =>
      gateway.log.until((line) => line['to'] === to && line['peer'] === peer)
    const [line] = await turned('unhealthy', dead)
    expect(line).toMatchObject({ upstream: 'app', from: 'unknown', reason: 'check failed' })
    expect(line?.['detail']).toMatch(/ECONNREFUSED/)
    ill.status = 503
    await turned('unhealthy', ill.origin.address)
    // A request that was on its way has its answer before this.
    const served = ill.served
    for (let i = 0; i < 20; i += 1) expect((await fetchAnswer(gateway.port, '/')).status).toBe(200)
    expect(ill.served).toBe(served)
    expect(good.served).toBe(20)
    ill.status = 200
    const [back] = await turned('healthy', ill.origin.address)
    expect(back).toMatchObject({ from: 'unhealthy', reason: 'check passed' })
    for (let i = 0; i < 20; i += 1) await fetchAnswer(gateway.port, '/')
    expect(ill.served).toBeGreaterThanOrEqual(5)
    // Two workers, but one check in each interval.
    const [checks, sinceMs] = [good.checks, performance.now()]
    await eventually('some checks more', () => good.checks >= checks + 10)
    expect(performance.now() - sinceMs).toBeGreaterThan(10 * 90 * 0.8)
  })

  it('a peer in maintenance gets neither requests nor checks', async () => {
    const [good, resting] = [await origin(), await origin()]
    const peers = [good.origin.address, { address: resting.origin.address, maintenance: true }]
    const health = { path: '/health', interval: '100ms' } as const
    const gateway = await start({ admin: '127.0.0.1:0', upstreams: { app: { peers, health } } })
    await eventually('the other one is checked', () => good.checks >= 3)
    for (let i = 0; i < 10; i += 1) await fetchAnswer(gateway.port, '/')
    expect([good.served, resting.served, resting.checks]).toEqual([10, 0, 0])
    expect((await peersOf(gateway)).map(({ health }) => health)).toEqual(['healthy', 'maintenance'])
  })
})

describe('balancing', () => {
  it('maxConnections holds over all workers: what is beyond it is told to come again', {
    timeout: 60_000,
  }, async () => {
    const open: (() => void)[] = []
    const slow = await HttpOrigin.start((_, response) => {
      open.push(() => void response.end('late'))
    })
    toClose.push(() => slow.close())
    const gateway = await start({
      workers: 2,
      upstreams: { app: { peers: [{ address: slow.address, maxConnections: 3 }] } },
    })
    const answers = Array.from({ length: 8 }, () => fetchAnswer(gateway.port, '/'))
    const refused = await eventually('five are refused', () =>
      Promise.resolve(gateway.stats.counters['error:connection_limit_reached'] === 5),
    )
    expect(refused).not.toBe(false)
    await eventually('three are there', () => slow.open === 3)
    for (const finish of open.splice(0)) finish()
    const settled = await Promise.all(answers)
    expect(settled.map(({ status }) => status).sort()).toEqual([200, 200, 200, 503, 503, 503, 503, 503])
    const late = settled.find(({ status }) => status === 503)
    expect(late?.headers['retry-after']).toBe('1')
    expect(late?.headers['proxy-status']).toBe('headgate; error=connection_limit_reached')
    const next = fetchAnswer(gateway.port, '/')
    await eventually('there is room again', () => open.length === 1)
    open[0]?.()
    expect((await next).status).toBe(200)
  })

  it('weights are kept over the whole gateway; a hash keeps a user at a peer, whichever worker serves', {
    timeout: 60_000,
  }, async () => {
    const [light, heavy] = [await origin(), await origin()]
    const weighted = await start({
      upstreams: {
        app: {
          balance: 'weighted-round-robin',
          peers: [light.origin.address, { address: heavy.origin.address, weight: 3 }],
        },
      },
    })
    for (let i = 0; i < 80; i += 1) await fetchAnswer(weighted.port, '/')
    expect(light.served).toBeGreaterThanOrEqual(18)
    expect(light.served).toBeLessThanOrEqual(22)
    const hashed = await start({
      upstreams: {
        app: {
          balance: { algorithm: 'consistent-hash', key: { header: 'x-user' } },
          peers: [light.origin.address, heavy.origin.address],
        },
      },
    })
    const homes = new Set<string>()
    for (let user = 0; user < 12; user += 1) {
      const before = [light.served, heavy.served]
      for (let i = 0; i < 4; i += 1)
        await fetchAnswer(hashed.port, `/${i}`, { headers: { 'x-user': `u${user}` } })
      const asked = [light.served - (before[0] ?? 0), heavy.served - (before[1] ?? 0)]
      expect(asked.toSorted()).toEqual([0, 4])
      homes.add(asked.join())
    }
    expect(homes.size).toBe(2)
  })
})
