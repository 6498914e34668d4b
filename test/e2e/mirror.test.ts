import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer, pooled } from '../support/http-client.js'
import { HttpOrigin, readBody, refusedPort } from '../support/http-origin.js'

conserved()

describe.each(ACCEPTOR_KINDS)('mirrors over %s', (acceptor) => {
  let app: HttpOrigin
  let shadow: HttpOrigin
  /** Takes connections and requests, and never answers. */
  let silent: Server
  const silentSockets = new Set<Socket>()
  let gateway: InProcessGateway
  const copies: { target: string; host: string; body: string }[] = []

  beforeAll(async () => {
    app = await HttpOrigin.start(async (request, response) => {
      response.end(`app ${(await readBody(request)).length}`)
    })
    shadow = await HttpOrigin.start(async (request, response) => {
      const body = (await readBody(request)).toString('latin1')
      copies.push({ target: request.url ?? '', host: String(request.headers.host), body })
      response.writeHead(500)
      response.end('x'.repeat(200_000))
    })
    silent = createServer((socket) => {
      silentSockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('data', () => undefined)
    })
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const dead = await refusedPort()
    gateway = await InProcessGateway.start({
      acceptor,
      workers: 1,
      upstreams: {
        app: { peers: [app.address] },
        shadow: { peers: [shadow.address], host: 'shadow.test' },
        silent: { peers: [`127.0.0.1:${(silent.address() as AddressInfo).port}`] },
        dead: { peers: [`127.0.0.1:${dead}`] },
      },
      routes: [
        { match: { path: '/all' }, upstream: 'app', mirror: { upstream: 'shadow', maxBody: '100KiB' } },
        { match: { path: '/some' }, upstream: 'app', mirror: { upstream: 'shadow', share: '25%' } },
        { match: { path: '/none' }, upstream: 'app', mirror: { upstream: 'shadow', share: '0%' } },
        {
          match: { path: '/silent' },
          upstream: 'app',
          mirror: { upstream: 'silent', maxInFlight: 3, timeout: '300ms' },
        },
        { match: { path: '/dead' }, upstream: 'app', mirror: { upstream: 'dead' } },
      ],
    })
  })
  afterAll(async () => {
    await gateway.close()
    for (const socket of silentSockets) socket.destroy()
    silent.close()
    await app.close()
    await shadow.close()
  })
  let before: InProcessGateway['stats']['counters']
  beforeEach(() => {
    copies.length = 0
    before = gateway.stats.counters
  })
  const counted = (name: 'mirror_sent' | 'mirror_skipped' | 'mirror_failed'): number =>
    gateway.stats.counters[name] - before[name]

  it('a copy has the target, the fields and the body, small or streamed, and its answer is thrown away', async () => {
    const big = 'b'.repeat(90_000)
    for (const body of [undefined, 'small', big]) {
      const method = body === undefined ? 'GET' : 'POST'
      const answer = await fetchAnswer(gateway.port, '/all?x=1', {
        method,
        ...(body === undefined ? {} : { body }),
      })
      expect([answer.status, answer.body.toString()]).toEqual([200, `app ${body?.length ?? 0}`])
    }
    await eventually('three copies have arrived', () => copies.length === 3)
    expect(copies.map(({ body }) => body.length).sort((a, b) => a - b)).toEqual([0, 5, 90_000])
    expect(new Set(copies.map(({ target, host }) => `${host} ${target}`))).toEqual(
      new Set(['shadow.test /all?x=1']),
    )
    expect([counted('mirror_sent'), counted('mirror_failed')]).toEqual([3, 0])
  })

  it('a body that is larger than what may be copied is not, of known length or not', async () => {
    const body = 'c'.repeat(200_000)
    for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
      const answer = await fetchAnswer(gateway.port, '/all', { method: 'POST', body, headers })
      expect(answer.body.toString()).toBe('app 200000')
    }
    await eventually('both are counted', () => counted('mirror_skipped') === 2)
    expect(copies).toEqual([])
  })

  it('a share is sampled', async () => {
    await pooled(400, 8, async () => void (await fetchAnswer(gateway.port, '/some')))
    await fetchAnswer(gateway.port, '/none')
    // 100 ± 8.7 is one standard deviation; this is six of them.
    expect(counted('mirror_sent')).toBeGreaterThan(48)
    expect(counted('mirror_sent')).toBeLessThan(152)
    await eventually('all copies have arrived', () => copies.length === counted('mirror_sent'))
  })

  it('a mirror that never answers delays nobody, holds no more than its bound, and is given up', async () => {
    const startMs = performance.now()
    await pooled(10, 5, async () => {
      const answer = await fetchAnswer(gateway.port, '/silent')
      expect(answer.status).toBe(200)
    })
    const tookMs = performance.now() - startMs
    expect(counted('mirror_sent') + counted('mirror_skipped')).toBe(10)
    expect(counted('mirror_sent')).toBeGreaterThanOrEqual(3)
    if (tookMs < 250) expect(counted('mirror_sent')).toBe(3)
    await eventually('what was sent is given up', () => counted('mirror_failed') === counted('mirror_sent'))
  })

  it('a mirror that is dead changes nothing for the client', async () => {
    for (let i = 0; i < 5; i += 1) expect((await fetchAnswer(gateway.port, '/dead')).status).toBe(200)
    await eventually('all have failed', () => counted('mirror_failed') === 5)
    const { counters } = await gateway.settle()
    expect(counters['error:connection_refused']).toBe(0)
    expect(counters.retries).toBe(0)
  })
})
