import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { HealthCheckConfig, UpstreamConfig } from '#src/config/types-upstream.js'
import { Http1Connector } from '#src/upstream/http1/index.js'
import {
  configuredPeers,
  HealthChecker,
  type HealthEvent,
  PeerTable,
  peerChecker,
} from '#src/upstream/index.js'
import { refusedPort } from '../support/http-origin.js'

const HEALTH: HealthCheckConfig = {
  check: { kind: 'http', path: '/health?x=1', host: null, expectedStatus: [[200, 299]] },
  intervalMs: 5000,
  timeoutMs: 2000,
  healthyAfter: 2,
  unhealthyAfter: 3,
}

/** A checker whose time and checks are ours. */
class Scene {
  nowMs = 0
  readonly events: HealthEvent[] = []
  readonly table = new PeerTable({ workers: 1, rows: [4] })
  readonly checks: { readonly atMs: number; readonly host: string }[] = []
  /** What a check of a host finds; a host that is not here never answers. */
  readonly found = new Map<string, string | null>()
  readonly checker: HealthChecker
  readonly #timers = new Set<{ readonly atMs: number; readonly callback: () => void }>()

  constructor(peers: UpstreamConfig['peers']) {
    const upstream: UpstreamConfig = {
      name: 'app',
      peers,
      timeouts: { connectMs: 1, headersMs: 1, idleMs: 1, totalMs: 0, tunnelMs: 0 },
      retries: { max: 0 },
      pool: { maxIdle: 0, idleMs: 1, maxAgeMs: 0 },
      health: HEALTH,
    }
    this.table.publish(0, configuredPeers(peers))
    this.checker = new HealthChecker({
      table: this.table,
      upstreams: [upstream],
      check: ({ host }, _config, done) => {
        this.checks.push({ atMs: this.nowMs, host })
        const result = this.found.get(host)
        if (result !== undefined) done(result)
        return () => undefined
      },
      onEvent: (event) => void this.events.push(event),
      after: (delayMs, callback) => {
        const timer = { atMs: this.nowMs + delayMs, callback }
        this.#timers.add(timer)
        return () => void this.#timers.delete(timer)
      },
      random: () => 0,
    })
  }

  advance(ms: number): void {
    const endMs = this.nowMs + ms
    for (;;) {
      const [next] = [...this.#timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)
      if (next === undefined) break
      this.#timers.delete(next)
      this.nowMs = next.atMs
      next.callback()
    }
    this.nowMs = endMs
  }

  get timers(): number {
    return this.#timers.size
  }

  health(): unknown[] {
    return (this.table.snapshot(0) ?? []).map(({ host, health }) => `${host} ${health}`)
  }
}

const peer = (host: string, more = {}) => ({ id: `${host}:1`, host, port: 1, ...more })

describe('active checks', () => {
  it('of which nothing is known is healthy after the first good check, unhealthy after three bad ones, back after two good ones', () => {
    const scene = new Scene([peer('a'), peer('b')])
    scene.found.set('a', null).set('b', 'status 503')
    scene.checker.start()
    scene.advance(0)
    expect(scene.health()).toEqual(['a healthy', 'b unknown'])
    scene.advance(9_999)
    expect(scene.health()).toEqual(['a healthy', 'b unknown'])
    scene.advance(1)
    expect(scene.health()).toEqual(['a healthy', 'b unhealthy'])
    scene.found.set('b', null)
    scene.advance(5000)
    expect(scene.health()).toEqual(['a healthy', 'b unhealthy'])
    scene.advance(5000)
    expect(scene.health()).toEqual(['a healthy', 'b healthy'])
    expect(scene.events).toEqual([
      { upstream: 'app', peer: 'a:1', from: 'unknown', to: 'healthy', reason: 'check passed' },
      {
        upstream: 'app',
        peer: 'b:1',
        from: 'unknown',
        to: 'unhealthy',
        reason: 'check failed',
        detail: 'status 503',
      },
      { upstream: 'app', peer: 'b:1', from: 'unhealthy', to: 'healthy', reason: 'check passed' },
    ])
    expect(scene.checks.filter(({ host }) => host === 'a').map(({ atMs }) => atMs)).toEqual([
      0, 5000, 10_000, 15_000, 20_000,
    ])
  })

  it('only failures in a row count', () => {
    const scene = new Scene([peer('a')])
    scene.checker.start()
    for (const result of ['x', 'x', null, 'x', 'x', null]) {
      scene.found.set('a', result)
      scene.advance(result === 'x' && scene.checks.length === 0 ? 0 : 5000)
    }
    expect(scene.health()).toEqual(['a healthy'])
  })

  it('leave a peer in maintenance alone, begin with one that comes, and end with one that goes', () => {
    const scene = new Scene([peer('a'), peer('b', { maintenance: true }), peer('c')])
    for (const host of ['a', 'b', 'c', 'd']) scene.found.set(host, null)
    scene.checker.start()
    scene.advance(4000)
    expect(scene.checks.map(({ host }) => host)).toEqual(['a', 'c'])
    const [first] = configuredPeers([peer('a')])
    if (first === undefined) throw new Error('no peer')
    scene.table.publish(0, [first, { ...first, host: 'd' }])
    scene.checks.length = 0
    scene.advance(5500)
    expect(scene.checks.map(({ host }) => host).sort()).toEqual(['a', 'd'])
    scene.checker.stop()
    expect(scene.timers).toBe(0)
  })
})

describe('one check', () => {
  const toClose: (Server | Http1Connector)[] = []
  const sockets = new Set<Socket>()
  afterEach(() => {
    for (const socket of sockets) socket.destroy()
    for (const each of toClose.splice(0)) each.close()
  })

  async function origin(answer: string | null): Promise<{ port: number; seen: string[] }> {
    const seen: string[] = []
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('data', (bytes) => {
        seen.push(bytes.toString('latin1'))
        if (answer !== null) socket.write(answer)
      })
    })
    toClose.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    return { port: typeof address === 'object' && address !== null ? address.port : 0, seen }
  }

  function check(port: number, more: Partial<HealthCheckConfig> = {}): Promise<string | null> {
    const connector = new Http1Connector({ maxIdle: 0 })
    toClose.push(connector)
    const target = { id: `127.0.0.1:${port}`, host: '127.0.0.1', port }
    return new Promise((resolve) => void peerChecker(connector)(target, { ...HEALTH, ...more }, resolve))
  }

  const http = (more: object) => ({ check: { ...HEALTH.check, ...more } as HealthCheckConfig['check'] })

  it('HTTP: asks for the path under the host, and takes the expected statuses only', async () => {
    const fine = await origin('HTTP/1.1 204 No Content\r\n\r\n')
    expect(await check(fine.port)).toBeNull()
    expect(fine.seen[0]).toMatch(/^GET \/health\?x=1 HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\n/)
    expect(await check(fine.port, http({ host: 'app.test', expectedStatus: [[200, 200]] }))).toBe(
      'status 204',
    )
    expect(fine.seen[1]).toContain('\r\nhost: app.test\r\n')
    const busy = await origin('HTTP/1.1 503 Busy\r\nContent-Length: 10\r\n\r\n')
    expect(await check(busy.port)).toBe('status 503')
    expect(
      await check(
        busy.port,
        http({
          expectedStatus: [
            [200, 299],
            [503, 503],
          ],
        }),
      ),
    ).toBeNull()
  })

  it('HTTP: nonsense, silence and a refused connection are failures', async () => {
    expect(await check((await origin('SSH-2.0-OpenSSH\r\n')).port)).not.toBeNull()
    expect(await check((await origin(null)).port, { timeoutMs: 100 })).toBe('no answer within 100 ms')
    expect(await check(await refusedPort())).toMatch(/ECONNREFUSED/)
  })

  it('TCP: a connection is enough', async () => {
    const silent = await origin(null)
    const tcp = { check: { kind: 'tcp' } } as const
    expect(await check(silent.port, tcp)).toBeNull()
    expect(await check(await refusedPort(), tcp)).toMatch(/ECONNREFUSED/)
    expect(silent.seen).toEqual([])
  })
})
