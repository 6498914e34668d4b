import { createServer, type Server, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import type { GatewayCounter } from '#src/session/counters.js'
import type { Reason } from '#src/session/errors.js'
import { compileFilters } from '../support/compile-filter.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { FullListener } from '../support/full-listener.js'
import { InProcessGateway, type TestConfig } from '../support/gateway.js'
import { fetchAnswer, keepAliveAgent, pooled, send } from '../support/http-client.js'
import { HttpOrigin, type OriginHandler, refusedPort } from '../support/http-origin.js'
import { RawClient } from '../support/raw-client.js'

conserved()

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function origin(handler: OriginHandler): Promise<HttpOrigin> {
  const made = await HttpOrigin.start(handler)
  cleanups.push(() => made.close())
  return made
}

async function start(config: TestConfig): Promise<InProcessGateway> {
  const gateway = await InProcessGateway.start(config)
  cleanups.push(() => gateway.close())
  return gateway
}

const TIMEOUT = { timeout: 60_000 }
const once = { max: 0 } as const

/** A worker counts what became of a session a moment after the client has its answer. */
async function untilCounted(gateway: InProcessGateway, name: GatewayCounter, count: number): Promise<void> {
  await eventually(`${name} is ${count}`, () => gateway.stats.counters[name] === count)
}

async function statsOf(gateway: InProcessGateway): Promise<Readonly<Record<string, unknown>>> {
  return JSON.parse((await fetchAnswer(gateway.gateway.admin?.port ?? 0, '/stats.json')).body.toString())
}

describe('connections that are not made', () => {
  it(
    'A1 refused by all peers: 502 connection_refused at once, each asked once, and each has one failure more',
    TIMEOUT,
    async () => {
      const peers = await Promise.all(
        Array.from({ length: 3 }, async () => `127.0.0.1:${await refusedPort()}`),
      )
      const gateway = await start({
        admin: '127.0.0.1:0',
        upstreams: {
          app: { peers, ejection: { connectFailures: 'none', gatewayErrors: 'none', serverErrors: 'none' } },
        },
      })
      const tookMs: number[] = []
      for (let i = 0; i < 15; i += 1) {
        const startMs = performance.now()
        const { status, headers } = await fetchAnswer(gateway.port, '/')
        tookMs.push(performance.now() - startMs)
        expect([status, headers['proxy-status']]).toEqual([502, 'headgate; error=connection_refused'])
      }
      // The median, since the machine may stand still for one of them.
      expect(tookMs.sort((a, b) => a - b)[7]).toBeLessThan(50)
      await untilCounted(gateway, 'error:connection_refused', 15)
      expect((await gateway.settle()).counters.retries).toBe(30)
      const { upstreams } = await statsOf(gateway)
      expect(upstreams).toMatchObject([{ peers: peers.map((peer) => ({ peer, consecutiveFailures: 15 })) }])
    },
  )

  it('A2 nobody answers the SYN: 504 connection_timeout at the connect timeout', TIMEOUT, async () => {
    const full = await FullListener.start()
    cleanups.push(() => full.close())
    const gateway = await start({
      upstreams: {
        app: { peers: [`127.0.0.1:${full.port}`], timeouts: { connect: '400ms' }, retries: once },
      },
    })
    const startMs = performance.now()
    const { status, headers } = await fetchAnswer(gateway.port, '/')
    expect(performance.now() - startMs).toBeGreaterThan(300)
    expect([status, headers['proxy-status']]).toEqual([504, 'headgate; error=connection_timeout'])
    await untilCounted(gateway, 'error:connection_timeout', 1)
  })
})

it(
  'A14 a peer that is many times slower than the others gets few of the requests with ewma',
  TIMEOUT,
  async () => {
    const slow = await origin((_, response) => void setTimeout(() => response.end('slow'), 60))
    const others = [
      await origin((_, response) => void response.end('fast')),
      await origin((_, response) => void response.end('fast')),
    ]
    const gateway = await start({
      upstreams: { app: { peers: [slow, ...others].map(({ address }) => address), balance: 'ewma' } },
    })
    const agent = keepAliveAgent(8)
    cleanups.push(() => agent.destroy())
    await pooled(600, 8, async () => {
      expect((await fetchAnswer(gateway.port, '/', { agent })).status).toBe(200)
    })
    // A third would be its share.
    expect(slow.requests).toBeLessThan(90)
    expect(slow.requests).toBeGreaterThan(0)
  },
)

describe('heads that are none', () => {
  it.each<[string, string, Reason]>([
    [
      'a header section beyond the limit',
      `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(200_000)}\r\n\r\n`,
      'http_response_header_section_size',
    ],
    [
      '5,000 interim answers',
      `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(5000)}HTTP/1.1 200 OK\r\n\r\n`,
      'http_protocol_error',
    ],
    [
      'a 101 that nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
      'http_protocol_error',
    ],
  ])('A10 %s: 502, and nothing of it is passed on', TIMEOUT, async (_, bytes, reason) => {
    const raw = await origin((request) => void request.socket.end(bytes))
    const gateway = await start({ upstreams: { app: { peers: [raw.address], retries: once } } })
    const { status, headers } = await fetchAnswer(gateway.port, '/')
    expect([status, headers['proxy-status']]).toEqual([502, `headgate; error=${reason}`])
    await untilCounted(gateway, `error:${reason}`, 1)
  })
})

describe('answers without a body', () => {
  /** An origin over a raw socket: node:http writes no Content-Length with 304. */
  async function raw(): Promise<{ readonly port: number; readonly connections: () => number }> {
    let connections = 0
    const answers: Readonly<Record<string, string>> = {
      '/304': 'HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\nETag: "a"\r\n\r\n',
      '/head': 'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n',
      '/204': 'HTTP/1.1 204 No Content\r\n\r\n',
      '/205': 'HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n',
      '/next': 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext',
    }
    const sockets = new Set<Socket>()
    const server: Server = createServer((socket) => {
      connections += 1
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on(
        'data',
        (bytes: Buffer) => void socket.write(answers[String(bytes).split(' ')[1] ?? ''] ?? ''),
      )
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    const address = server.address()
    return {
      port: typeof address === 'object' && address !== null ? address.port : 0,
      connections: () => connections,
    }
  }

  it.each([
    ['GET', '/304', 304],
    ['HEAD', '/head', 200],
    ['GET', '/204', 204],
    ['GET', '/205', 205],
  ])(
    'A12 %s %s is right, and its connections to client and upstream serve the next request',
    TIMEOUT,
    async (method, path, status) => {
      const { port, connections } = await raw()
      const gateway = await start({
        workers: 1,
        upstreams: { app: { peers: [`127.0.0.1:${port}`], retries: once } },
      })
      const agent = keepAliveAgent(1)
      cleanups.push(() => agent.destroy())
      for (let round = 0; round < 3; round += 1) {
        const answer = await fetchAnswer(gateway.port, path, { method, agent })
        expect([answer.status, answer.body.length]).toEqual([status, 0])
        expect((await fetchAnswer(gateway.port, '/next', { agent })).body.toString()).toBe('next')
      }
      expect(connections()).toBe(1)
    },
  )
})

describe('bodies', () => {
  it(
    'A15 one that drips ends at the total deadline, visibly incomplete, and delays nobody',
    TIMEOUT,
    async () => {
      const slow = await origin((request, response) => {
        if (request.url === '/fine') return void response.end('fine')
        response.write('x')
        const drip = setInterval(() => void response.write('x'), 20)
        response.once('close', () => clearInterval(drip))
      })
      const gateway = await start({
        upstreams: { app: { peers: [slow.address], timeouts: { total: '600ms' }, retries: once } },
      })
      let over = false
      const dripped = Promise.all(Array.from({ length: 8 }, () => send(gateway.port, '/drip'))).finally(
        () => {
          over = true
        },
      )
      let beside = 0
      while (!over) {
        expect((await fetchAnswer(gateway.port, '/fine')).status).toBe(200)
        beside += 1
      }
      expect(beside).toBeGreaterThan(1)
      expect((await dripped).map(({ kind, status }) => [kind, status])).toEqual(
        Array(8).fill(['broken-off', 200]),
      )
      const { counters } = await gateway.settle()
      expect(counters.aborted).toBe(8)
    },
  )

  it('A16 a compressed body is never opened: the few bytes of a bomb are all there is', TIMEOUT, async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
    const evil = await origin(
      (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
    )
    const gateway = await start({ upstreams: { app: { peers: [evil.address] } } })
    const { headers, body } = await fetchAnswer(gateway.port, '/')
    expect(headers['content-encoding']).toBe('gzip')
    expect(body.equals(bomb)).toBe(true)
    expect((await gateway.settle()).counters.bytes_out).toBe(bomb.length)
  })
})

describe('what a client says of where it goes', () => {
  it(
    'B12 a Host that is none never reaches a route or an origin; one that is unknown is not found',
    TIMEOUT,
    async () => {
      const app = await origin((_, response) => void response.end('app'))
      const gateway = await start({
        upstreams: { app: { peers: [app.address] } },
        routes: [{ match: { host: 'app.test' }, upstream: 'app' }],
      })
      const ask = async (fields: string): Promise<number[]> => {
        const client = await RawClient.connect(gateway.port)
        await client.send(`GET / HTTP/1.1\r\n${fields}Connection: close\r\n\r\n`)
        await client.untilClosed()
        const statuses = client.responses().responses.map(({ status }) => status)
        await client.destroy()
        return statuses
      }
      const hosts = [
        'evil@app.test',
        'app.test/x',
        'app.test#x',
        'app.test?x',
        'app.test:80x',
        'app.test:99999',
      ]
      for (const host of hosts) expect([host, await ask(`Host: ${host}\r\n`)]).toEqual([host, [400]])
      expect(await ask('Host: app.test\r\nHost: app.test\r\n')).toEqual([400])
      expect(await ask('')).toEqual([400])
      expect(await ask('Host: other.test\r\n')).toEqual([404])
      expect(
        await ask('Host: other.test\r\nX-Forwarded-Host: app.test\r\nForwarded: host=app.test\r\n'),
      ).toEqual([404])
      expect(app.requests).toBe(0)
      expect(await ask('Host: APP.test:8080\r\n')).toEqual([200])
    },
  )

  it.each(['/to-request', '/to-location', '/to-status'])(
    "B15 CRLF that a filter copies (%s) is 500 proxy_internal_error in the filter's name, never split",
    TIMEOUT,
    async (path) => {
      const filters = compileFilters(new URL('./filters/copies.ts', import.meta.url))
      cleanups.push(() => filters.remove())
      const seen: string[] = []
      const app = await origin((request, response) => {
        seen.push(request.rawHeaders.join('\n'))
        response.end('app')
      })
      const gateway = await start({
        upstreams: { app: { peers: [app.address] } },
        routes: [{ upstream: 'app', filters: [filters.path('copies')] }],
      })
      expect((await fetchAnswer(gateway.port, `${path}?harmless`)).status).toBe(200)
      for (const evil of ['a%0d%0ax-evil:%201', 'a%0ax-evil:%201', 'a%0d%0a%0d%0aHTTP/1.1%20200%20OK']) {
        const client = await RawClient.connect(gateway.port)
        await client.send(`GET ${path}?${evil} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
        await client.untilClosed()
        const { responses } = client.responses()
        expect(responses.map(({ status }) => status)).toEqual([500])
        expect(client.text).toContain('error=proxy_internal_error')
        expect(client.text).toContain("filter 'copies'")
        expect(client.text.toLowerCase()).not.toContain('\nx-evil')
        await client.destroy()
      }
      expect(seen.join('\n').toLowerCase()).not.toContain('x-evil')
    },
  )
})

it(
  'at steady load 4 workers make at most one connection in a hundred requests, and a metric says so',
  TIMEOUT,
  async () => {
    const app = await origin((_, response) => void response.end('ok'))
    const gateway = await start({
      admin: '127.0.0.1:0',
      workers: 4,
      upstreams: { app: { peers: [app.address] } },
    })
    const agent = keepAliveAgent(4)
    await pooled(4000, 4, async () => {
      expect((await fetchAnswer(gateway.port, '/', { agent })).status).toBe(200)
    })
    agent.destroy()
    const { connectionReuseRatio } = await statsOf(gateway)
    expect(connectionReuseRatio).toBeGreaterThanOrEqual(0.99)
    // Each worker has connections of its own, and each had its share.
    expect(app.accepted).toBeGreaterThanOrEqual(4)
    expect(app.accepted).toBeLessThanOrEqual(40)
    const metrics = (await fetchAnswer(gateway.gateway.admin?.port ?? 0, '/metrics')).body.toString()
    expect(
      Number(/^headgate_upstream_connection_reuse_ratio (\S+)$/m.exec(metrics)?.[1]),
    ).toBeGreaterThanOrEqual(0.99)
  },
)
