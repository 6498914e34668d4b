import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { DnsServer } from '../support/dns-server.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway, type TestConfig } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { SteadyLoad } from '../support/steady-load.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Origin {
  readonly port: number
  readonly hosts: Set<string>
  readonly sockets: Set<Socket>
  requests: number
  /** Answers wait for it. */
  hold: Promise<unknown>
  close(): Promise<void>
}

/** Answers with the address that it listens on; all of 127/8 is loopback on Linux. */
async function origin(host: string, port = 0): Promise<Origin> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    made.requests += 1
    made.hosts.add(`${request.url ?? ''} ${request.headers.host ?? ''}`)
    if (request.url === '/held') await made.hold
    response.end(host)
  }
  const server: Server = createServer({ keepAliveTimeout: 60_000 }, (req, res) => void answer(req, res))
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(port, host)
  await once(server, 'listening')
  const made: Origin = {
    port: (server.address() as AddressInfo).port,
    hosts: new Set(),
    sockets,
    requests: 0,
    hold: Promise.resolve(),
    async close() {
      if (!server.listening) return
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  cleanups.push(() => made.close())
  return made
}

async function nameServer(): Promise<DnsServer> {
  const server = await DnsServer.start()
  cleanups.push(() => server.close())
  return server
}

async function start(config: TestConfig): Promise<InProcessGateway> {
  const gateway = await InProcessGateway.start({ admin: '127.0.0.1:0', ...config })
  cleanups.push(() => gateway.close())
  return gateway
}

interface PeerStats {
  readonly peer: string
  readonly health: string
  readonly weight: number
  readonly maxConnections: number
  readonly inFlight: number
  readonly ejections: number
  readonly checksPassed: number
}

async function peersOf(gateway: InProcessGateway): Promise<readonly PeerStats[]> {
  const { body } = await fetchAnswer(gateway.gateway.admin?.port ?? 0, '/stats.json')
  const stats = JSON.parse(body.toString())
  return stats.upstreams[0].peers
}

async function untilPeers(gateway: InProcessGateway, ...wanted: readonly string[]): Promise<void> {
  await eventually(`the peers are ${wanted.join(' and ')}`, async () => {
    const names = (await peersOf(gateway)).map(({ peer }) => peer).sort()
    return JSON.stringify(names) === JSON.stringify([...wanted].sort())
  })
}

const text = async (port: number, path = '/'): Promise<string> =>
  (await fetchAnswer(port, path, { headers: { host: 'app.test' } })).body.toString()

describe('the addresses of a name are peers', () => {
  it('one of two dies under load: no GET fails, and that address alone is ejected', async () => {
    const dns = await nameServer()
    const first = await origin('127.0.0.1')
    const second = await origin('127.0.0.2', first.port)
    dns.zones['app.test'] = { addresses: ['127.0.0.1', '127.0.0.2'], ttlSeconds: 3600 }
    const gateway = await start({
      dns: { servers: [dns.address] },
      upstreams: {
        app: {
          peers: [{ address: `app.test:${first.port}`, weight: 3, maxConnections: 90 }],
          ejection: { time: '60s' },
        },
      },
    })
    const names = ['127.0.0.1', '127.0.0.2'].map((address) => `app.test:${first.port}@${address}`)
    await untilPeers(gateway, ...names)
    expect((await peersOf(gateway)).map((peer) => [peer.weight, peer.maxConnections])).toEqual([
      [3, 90],
      [3, 90],
    ])
    const load = new SteadyLoad(gateway.port, '/', 8)
    await eventually('both serve', () => first.requests > 50 && second.requests > 50)
    await second.close()
    await eventually('it is ejected', async () => {
      const dead = (await peersOf(gateway)).find(({ peer }) => peer === names[1])
      return dead?.health === 'unhealthy' && dead.ejections === 1
    })
    const served = first.requests
    await eventually('the other one serves on', () => first.requests > served + 200)
    await load.stop()
    expect(load.unusual()).toEqual([])
    const alive = (await peersOf(gateway)).find(({ peer }) => peer === names[0])
    expect(alive).toMatchObject({ health: 'healthy', ejections: 0, inFlight: 0 })
  }, 60_000)

  it('a name moves: the new address serves, the old one gets no new session, finishes what runs and loses its idle connections', async () => {
    const dns = await nameServer()
    const old = await origin('127.0.0.1')
    const { port } = old
    await origin('127.0.0.2', port)
    dns.zones['app.test'] = { addresses: ['127.0.0.1'], ttlSeconds: 0 }
    const gateway = await start({
      dns: { servers: [dns.address], minTtl: '100ms' },
      upstreams: { app: { peers: [`app.test:${port}`], pool: { idle: '10m' } } },
    })
    await untilPeers(gateway, `app.test:${port}@127.0.0.1`)
    await Promise.all(Array.from({ length: 8 }, () => text(gateway.port)))
    let release: (value: unknown) => void = () => undefined
    old.hold = new Promise((resolve) => {
      release = resolve
    })
    const held = text(gateway.port, '/held')
    await eventually('it is at the origin', () => old.hosts.has('/held app.test'))

    dns.zones['app.test'] = { addresses: ['127.0.0.2'], ttlSeconds: 0 }
    await untilPeers(gateway, `app.test:${port}@127.0.0.2`)
    await eventually('idle connections are closed, the busy one is not', () => old.sockets.size === 1)
    await eventually('all workers know it', async () => (await text(gateway.port)) === '127.0.0.2')
    const requests = old.requests
    for (let i = 0; i < 20; i += 1) expect(await text(gateway.port)).toBe('127.0.0.2')
    expect(old.requests).toBe(requests)
    release(null)
    expect(await held).toBe('127.0.0.1')
    await eventually('the last connection is closed too', () => old.sockets.size === 0)
    for (const { inFlight } of await peersOf(gateway)) expect(inFlight).toBe(0)
  }, 60_000)

  it('a name that has no address any more is dns_error, and serves again when it has one', async () => {
    const dns = await nameServer()
    const { port } = await origin('127.0.0.1')
    dns.zones['app.test'] = { addresses: ['127.0.0.1'], ttlSeconds: 0 }
    const gateway = await start({
      dns: { servers: [dns.address], minTtl: '100ms', negativeTtl: '100ms', staleIfError: 'none' },
      upstreams: { app: { peers: [`app.test:${port}`] } },
    })
    await untilPeers(gateway, `app.test:${port}@127.0.0.1`)
    expect(await text(gateway.port)).toBe('127.0.0.1')
    dns.zones['app.test'] = { rcode: 3 }
    await untilPeers(gateway, `app.test:${port}`)
    await eventually('no worker uses the old address', async () => {
      const { status, headers } = await fetchAnswer(gateway.port, '/')
      return status === 502 && headers['proxy-status'] === 'headgate; error=dns_error'
    })
    dns.zones['app.test'] = { addresses: ['127.0.0.1'], ttlSeconds: 0 }
    await eventually('it serves again', async () => (await text(gateway.port)) === '127.0.0.1')
  }, 60_000)

  it('each address is checked, and told the name as Host by checks and by the host policy', async () => {
    const dns = await nameServer()
    const first = await origin('127.0.0.1')
    const { port } = first
    const second = await origin('127.0.0.2', port)
    dns.zones['app.test'] = { addresses: ['127.0.0.1', '127.0.0.2'], ttlSeconds: 3600 }
    const gateway = await start({
      dns: { servers: [dns.address] },
      upstreams: {
        app: {
          peers: [`app.test:${port}`],
          host: 'upstream',
          health: { path: '/health', interval: '100ms' },
        },
      },
    })
    await untilPeers(gateway, `app.test:${port}@127.0.0.1`, `app.test:${port}@127.0.0.2`)
    await eventually('both are checked', async () =>
      (await peersOf(gateway)).every(({ health, checksPassed }) => health === 'healthy' && checksPassed > 0),
    )
    await eventually('both serve', async () => {
      expect((await fetchAnswer(gateway.port, '/', { headers: { host: 'other.test' } })).status).toBe(200)
      return [first, second].every(({ hosts }) => hosts.has(`/ app.test:${port}`))
    })
    for (const { hosts } of [first, second])
      expect(hosts).toEqual(new Set([`/ app.test:${port}`, `/health app.test:${port}`]))
  }, 60_000)

  it('without retries a name stays one peer, beneath which connections pass over the dead address', async () => {
    const dns = await nameServer()
    const { port } = await origin('127.0.0.1')
    dns.zones['app.test'] = { addresses: ['127.0.0.2', '127.0.0.1'], ttlSeconds: 3600 }
    const gateway = await start({
      dns: { servers: [dns.address] },
      upstreams: { app: { peers: [`app.test:${port}`], retries: { max: 0 }, pool: { maxIdle: 0 } } },
    })
    for (let i = 0; i < 10; i += 1) expect(await text(gateway.port)).toBe('127.0.0.1')
    expect((await peersOf(gateway)).map(({ peer }) => peer)).toEqual([`app.test:${port}`])
  }, 60_000)
})
