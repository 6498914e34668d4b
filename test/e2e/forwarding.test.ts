import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { compileFilters } from '../support/compile-filter.js'
import { conserved } from '../support/conservation.js'
import { arrived, ask, startEchoOrigin } from '../support/echo-origin.js'
import { InProcessGateway, type TestConfig } from '../support/gateway.js'
import type { HttpOrigin } from '../support/http-origin.js'

conserved()

const filters = compileFilters(new URL('./filters/params.ts', import.meta.url))
afterAll(() => filters.remove())

describe.each(ACCEPTOR_KINDS)('forwarding fields over %s', (acceptor) => {
  let origin: HttpOrigin
  const gateways: InProcessGateway[] = []
  const start = async (config: Partial<TestConfig> = {}): Promise<InProcessGateway> => {
    const gateway = await InProcessGateway.start({
      acceptor,
      workers: 1,
      upstreams: { app: { peers: [origin.address] } },
      routes: [{ upstream: 'app', filters: [filters.path('params')] }],
      ...config,
    })
    gateways.push(gateway)
    return gateway
  }
  let plain: InProcessGateway
  let behind: InProcessGateway
  beforeAll(async () => {
    origin = await startEchoOrigin()
    plain = await start()
    behind = await start({
      forwarding: { trustedProxies: ['127.0.0.0/8', '10.0.0.0/8', '2001:db8::/32'], keepRequestId: true },
    })
  })
  afterAll(async () => {
    for (const gateway of gateways) await gateway.close()
    await origin.close()
  })

  it('says who the client is, and what it asked for', async () => {
    const { fields } = await arrived(plain.port, 'GET /', 'shop.test:8080')
    expect(fields['x-forwarded-for']).toEqual(['127.0.0.1'])
    expect(fields['x-forwarded-host']).toEqual(['shop.test:8080'])
    expect(fields['x-forwarded-port']).toEqual(['8080'])
    expect(fields['x-forwarded-proto']).toEqual(['http'])
    expect(fields['via']).toEqual([expect.stringMatching(/^1\.1 headgate \([0-9a-f]{8}\)$/)])
    expect(fields['forwarded']).toBeUndefined()
  })

  it('B11 throws away what a client claims of itself', async () => {
    const claims = [
      'X-Forwarded-For: 6.6.6.6',
      'X-Forwarded-For: 7.7.7.7',
      'x-forwarded-host: evil.test',
      'X-FORWARDED-PROTO: https',
      'X-Forwarded-Prefix: /evil',
      'X-Real-IP: 6.6.6.6',
      'X-Request-Id: mine',
      'Forwarded: for=6.6.6.6',
    ]
    const lines = ['GET /', ...claims].join('\n')
    const { fields } = await arrived(plain.port, lines)
    expect(JSON.stringify(fields)).not.toMatch(/6\.6\.6\.6|7\.7\.7\.7|evil|mine/)
    expect(fields['x-forwarded-for']).toEqual(['127.0.0.1'])
    const answer = await ask(plain.port, lines)
    expect(answer.all('x-client')).toEqual(['127.0.0.1'])
  })

  it('B10 Connection cannot take away what is added or protected, and takes away what it may', async () => {
    const { fields } = await arrived(
      plain.port,
      [
        'GET /',
        'Connection: X-Forwarded-For, Authorization, Host, Via, X-Request-Id, X-Hop, Keep-Alive, Content-Length',
        'Authorization: Basic YTpi',
        'X-Hop: 1',
        'Keep-Alive: timeout=5',
        'TE: trailers',
        'Proxy-Authorization: Basic YTpi',
        'Proxy-Connection: keep-alive',
      ].join('\n'),
    )
    expect(fields['authorization']).toEqual(['Basic YTpi'])
    expect(fields['host']).toEqual(['app.test'])
    expect(fields['x-forwarded-for']).toEqual(['127.0.0.1'])
    expect(fields['x-request-id']).toHaveLength(1)
    expect(fields['via']).toHaveLength(1)
    for (const name of ['x-hop', 'keep-alive', 'te', 'proxy-authorization', 'proxy-connection', 'upgrade'])
      expect(fields[name], name).toBeUndefined()
  })

  it('B10 Connection: X-Forwarded-For from a trusted proxy leaves its chain alone', async () => {
    const { fields } = await arrived(
      behind.port,
      'GET /\nX-Forwarded-For: 192.0.2.7\nConnection: x-forwarded-for, x-request-id\nX-Request-Id: abc',
    )
    expect(fields['x-forwarded-for']).toEqual(['192.0.2.7, 127.0.0.1'])
    expect(fields['x-request-id']).toEqual(['abc'])
  })

  it('B11 keeps and appends to what a trusted proxy says, and finds the first that is not trusted from the right', async () => {
    const lines = [
      'GET /',
      'X-Forwarded-For: 6.6.6.6',
      'X-Forwarded-For: 192.0.2.7, 10.1.2.3',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: shop.test',
      'X-Request-Id: edge-1',
      'X-Forwarded-Prefix: /shop',
    ].join('\n')
    const { fields } = await arrived(behind.port, lines)
    expect(fields['x-forwarded-for']).toEqual(['6.6.6.6, 192.0.2.7, 10.1.2.3, 127.0.0.1'])
    expect(fields['x-forwarded-proto']).toEqual(['https'])
    expect(fields['x-forwarded-host']).toEqual(['shop.test'])
    expect(fields['x-forwarded-port']).toEqual(['443'])
    expect(fields['x-forwarded-prefix']).toEqual(['/shop'])
    expect(fields['x-request-id']).toEqual(['edge-1'])
    const answer = await ask(behind.port, lines)
    expect(answer.all('x-client')).toEqual(['192.0.2.7'])
    expect(answer.all('x-request-id')).toEqual(['edge-1'])
  })

  it('a request id off the grammar is replaced, also of a trusted proxy', async () => {
    const answer = await ask(behind.port, `GET /\nX-Request-Id: ${'a'.repeat(129)}`)
    expect(answer.all('x-request-id')).toEqual([expect.stringMatching(/^req-/)])
  })

  it('gives the client one id, whatever an upstream echoes or a filter sets', async () => {
    const answer = await ask(plain.port, 'GET /')
    expect(answer.all('x-request-id')).toEqual([expect.stringMatching(/^req-/)])
    expect(answer.all('via')).toEqual(['1.1 headgate'])
  })

  it('RFC 7239 Forwarded instead, with a trusted chain before it', async () => {
    const gateway = await start({
      forwarding: {
        forwarded: 'forwarded',
        trustedFields: 'forwarded',
        trustedProxies: ['127.0.0.1'],
      },
    })
    const lines =
      'GET /\nForwarded: for=6.6.6.6;proto=https, for="[2001:db8::7]:99";host=shop.test;proto=https\nX-Forwarded-For: 6.6.6.6'
    const { fields } = await arrived(gateway.port, lines, 'app.test:81')
    expect(fields['forwarded']).toEqual([
      'for=6.6.6.6;proto=https, for="[2001:db8::7]:99";host=shop.test;proto=https, for=127.0.0.1;host="app.test:81";proto=http',
    ])
    expect(fields['x-forwarded-for']).toBeUndefined()
    expect((await ask(gateway.port, lines)).all('x-client')).toEqual(['2001:db8::7'])
  })

  it('off: adds nothing, but passes nothing on that a client claims', async () => {
    const gateway = await start({ forwarding: { forwarded: 'off' } })
    const { fields } = await arrived(gateway.port, 'GET /\nX-Forwarded-For: 6.6.6.6\nForwarded: for=6.6.6.6')
    expect(Object.keys(fields).filter((name) => name.includes('forwarded'))).toEqual([])
  })

  it('§7.6.3 keeps a Via and appends its own', async () => {
    const { fields } = await arrived(plain.port, 'GET /\nVia: 1.0 edge, 1.1 cache (x)')
    expect(fields['via']?.join(', ')).toMatch(/^1\.0 edge, 1\.1 cache \(x\), 1\.1 headgate \([0-9a-f]{8}\)$/)
  })

  it('A17 a request that comes back to its own process is 502 within one hop', async () => {
    const loop = await start({ listen: '127.0.0.1:0', upstreams: { app: { peers: ['127.0.0.1:1'] } } })
    // Its peer is itself: known only now that it listens, so another gateway stands between.
    const there = await start({ upstreams: { app: { peers: [`127.0.0.1:${loop.port}`] } } })
    await loop.close()
    const back = await start({
      listen: `127.0.0.1:${loop.port}`,
      upstreams: { app: { peers: [`127.0.0.1:${there.port}`] } },
    })
    const answer = await ask(there.port, 'GET /loop')
    expect(answer.status).toBe(502)
    expect(answer.header('proxy-status')).toContain('error=proxy_loop_detected')
    expect(there.stats.counters.requests + back.stats.counters.requests).toBe(3)
    expect(there.stats.counters['error:proxy_loop_detected']).toBe(1)
  })

  it('502 beyond the number of gateways of its name, and for its id in CDN-Loop (RFC 8586)', async () => {
    const gateway = await start({ forwarding: { name: 'edge', maxPasses: 2, cdnLoop: 'my-cdn' } })
    const statusOf = async (lines: string): Promise<number> => (await ask(gateway.port, lines)).status
    expect(await statusOf('GET /\nVia: 1.1 edge, 1.1 headgate, 1.1 headgate\nVia: 1.1 Edge (abc)')).toBe(200)
    expect(await statusOf('GET /\nVia: 1.1 edge, 1.1 edge\nVia: HTTP/1.1 EDGE')).toBe(502)
    expect(await statusOf('GET /\nCDN-Loop: other; a="my-cdn", other2')).toBe(200)
    expect(await statusOf('GET /\nCDN-Loop: other, my-cdn; v=1')).toBe(502)
    const { fields } = await arrived(gateway.port, 'GET /\nCDN-Loop: other')
    expect(fields['cdn-loop']).toEqual(['other', 'my-cdn'])
  })
})
