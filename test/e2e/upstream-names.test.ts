import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { conserved } from '../support/conservation.js'
import { DnsServer } from '../support/dns-server.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess, InProcessGateway, type TestConfig } from '../support/gateway.js'
import { fetchAnswer, keepAliveAgent } from '../support/http-client.js'

conserved()

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Answers with the address that it listens on; all of 127/8 is loopback on Linux. */
async function origin(host: string, port = 0): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server: Server = createServer((_, response) => void response.end(host))
  server.listen(port, host)
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    if (!server.listening) return
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  cleanups.push(close)
  return { port: (server.address() as AddressInfo).port, close }
}

async function nameServer(zones: ConstructorParameters<typeof Object>[0] = {}): Promise<DnsServer> {
  const server = await DnsServer.start(zones)
  cleanups.push(() => server.close())
  return server
}

async function start(config: TestConfig): Promise<GatewayProcess> {
  const gateway = await GatewayProcess.start(config)
  cleanups.push(() => gateway.close())
  return gateway
}

const text = async (port: number, host = 'app.test'): Promise<string> =>
  (await fetchAnswer(port, '/', { headers: { host } })).body.toString()

describe('peers with a name', () => {
  it('all addresses of a name serve, one that dies costs no request, and a change of the name moves them on', async () => {
    const dns = await nameServer()
    const { port, ...first } = await origin('127.0.0.1')
    await origin('127.0.0.2', port)
    dns.zones['app.test'] = { addresses: ['127.0.0.1', '127.0.0.2'], ttlSeconds: 0 }
    const gateway = await start({
      workers: 1,
      dns: { servers: [dns.address], minTtl: '200ms' },
      upstreams: { app: { peers: [`app.test:${port}`], pool: { maxIdle: 0 } } },
    })
    const seen = new Set<string>()
    for (let i = 0; i < 4; i += 1) seen.add(await text(gateway.port))
    expect(seen).toEqual(new Set(['127.0.0.1', '127.0.0.2']))

    await first.close()
    for (let i = 0; i < 6; i += 1) expect(await text(gateway.port)).toBe('127.0.0.2')

    await origin('127.0.0.3', port)
    dns.zones['app.test'] = { addresses: ['127.0.0.3'], ttlSeconds: 0 }
    await gateway.log.until(
      ({ msg, addresses }) =>
        msg === 'a name has other addresses now' && JSON.stringify(addresses) === '["127.0.0.3"]',
    )
    await eventually('the worker knows it', async () => (await text(gateway.port)) === '127.0.0.3')
    for (let i = 0; i < 4; i += 1) expect(await text(gateway.port)).toBe('127.0.0.3')
  }, 60_000)

  it('A3: no such name is 502 dns_error, no answer is 504 dns_timeout: in the answer, the log and the counters', async () => {
    const dns = await nameServer({ 'dead.test': { dead: true } })
    const config: TestConfig = {
      workers: 1,
      dns: { servers: [dns.address], timeout: '400ms' },
      upstreams: { gone: { peers: ['gone.test:80'] }, dead: { peers: ['dead.test:80'] } },
      routes: [
        { match: { host: 'gone.test' }, upstream: 'gone' },
        { match: { host: 'dead.test' }, upstream: 'dead' },
      ],
    }
    const gateway = await start(config)
    for (const [host, status, reason] of [
      ['gone.test', 502, 'dns_error'],
      ['dead.test', 504, 'dns_timeout'],
    ] as const) {
      const answer = await fetchAnswer(gateway.port, '/', { headers: { host } })
      expect([answer.status, answer.headers['proxy-status']]).toEqual([status, `headgate; error=${reason}`])
      await gateway.log.until((line) => line.msg === 'session' && line['reason'] === reason)
      const [warning] = await gateway.log.until(
        (line) => line['reason'] === reason && line['name'] === host && line.level === 'warn',
      )
      expect(warning?.msg).toContain('cannot resolve a name')
    }
    const inProcess = await InProcessGateway.start(config)
    cleanups.push(() => inProcess.close())
    await fetchAnswer(inProcess.port, '/', { headers: { host: 'gone.test' } })
    await eventually('all is counted', () => {
      const { counters } = inProcess.stats
      return counters['error:dns_error'] === 1 && counters.dns_failures >= 2 && counters.dns_lookups >= 2
    })
  }, 60_000)

  it('A3: a name server that fails later costs nothing: the last answer serves on', async () => {
    const dns = await nameServer()
    const { port } = await origin('127.0.0.1')
    dns.zones['app.test'] = { addresses: ['127.0.0.1'], ttlSeconds: 0 }
    const gateway = await start({
      workers: 1,
      dns: { servers: [dns.address], minTtl: '100ms', negativeTtl: '100ms' },
      upstreams: { app: { peers: [`app.test:${port}`], pool: { maxIdle: 0 } } },
    })
    expect(await text(gateway.port)).toBe('127.0.0.1')
    dns.zones['app.test'] = { rcode: 2 }
    await gateway.log.until((line) => line['servedStale'] === 1 && line['reason'] === 'dns_error')
    for (let i = 0; i < 5; i += 1) expect(await text(gateway.port)).toBe('127.0.0.1')
    dns.zones['app.test'] = { addresses: ['127.0.0.1'], ttlSeconds: 0 }
    await gateway.log.until((line) => line.msg === 'a name is resolved again')
  }, 60_000)

  it('A3: a hundred names that nobody answers delay no other route, and no lookup is made for a request', async () => {
    const dns = await nameServer()
    const { port } = await origin('127.0.0.1')
    dns.zones['app.test'] = { addresses: ['127.0.0.1'], ttlSeconds: 3600 }
    const slow = Array.from({ length: 100 }, (_, index) => `slow${index}.test`)
    for (const name of slow) dns.zones[name] = { dead: true }
    const gateway = await start({
      workers: 1,
      log: { access: false },
      dns: { servers: [dns.address], timeout: '60s' },
      upstreams: {
        app: { peers: [`app.test:${port}`] },
        slow: { peers: slow.map((name) => `${name}:80`), timeouts: { connect: '20s' }, retries: { max: 0 } },
      },
      routes: [
        { match: { host: 'app.test' }, upstream: 'app' },
        { match: { path: '/*' }, upstream: 'slow' },
      ],
    })
    const agent = keepAliveAgent(100)
    cleanups.push(() => agent.destroy())
    let waiting = 0
    for (let i = 0; i < 100; i += 1) {
      waiting += 1
      const left = (): void => {
        waiting -= 1
      }
      fetchAnswer(gateway.port, '/', { headers: { host: 'slow.test' }, agent }).then(left, left)
    }
    expect(await text(gateway.port)).toBe('127.0.0.1')
    const asked = dns.asked.filter((query) => query.endsWith(' app.test')).length
    for (let i = 0; i < 20; i += 1) expect(await text(gateway.port)).toBe('127.0.0.1')
    expect(waiting).toBe(100)
    expect(dns.asked.filter((query) => query.endsWith(' app.test'))).toHaveLength(asked)
  }, 60_000)
})
