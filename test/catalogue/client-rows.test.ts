import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess, InProcessGateway, type TestConfig } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { HttpOrigin, type OriginHandler } from '../support/http-origin.js'
import { RawClient } from '../support/raw-client.js'

conserved()

const CANARY = 'canary-51cf'
const folder = mkdtempSync(join(tmpdir(), 'headgate-catalogue-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const cleanups: (() => Promise<unknown>)[] = []
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

/** Sends the bytes over a connection of their own and gives all that comes back until it ends. */
async function say(port: number, bytes: string): Promise<RawClient> {
  const client = await RawClient.connect(port)
  await client.send(bytes)
  await client.untilClosed(20_000)
  await client.destroy()
  return client
}

const STALLED = 50
/** Per reader: the windows of the session, what the acceptor holds for a socket, and both ends of the upstream connection. */
const HELD_PER_READER_BYTES = 1_000_000

describe.each(ACCEPTOR_KINDS)('abuse by clients, over %s', (acceptor) => {
  it(`B6 ${STALLED} readers that stall in endless answers hold a bounded amount of memory each, and all of it comes back`, {
    timeout: 60_000,
  }, async () => {
    const chunk = Buffer.alloc(64 * 1024, 'x')
    const endless = await origin((request, response) => {
      if (request.url === '/fast') return void response.end('fast')
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      }
      response.on('drain', more)
      more()
    })
    const gateway = await GatewayProcess.start({
      acceptor,
      admin: '127.0.0.1:0',
      log: { access: false },
      upstreams: { app: { peers: [endless.address] } },
    })
    cleanups.push(() => gateway.close())
    const before = gateway.rssBytes() ?? 0
    const readers = await Promise.all(
      Array.from({ length: STALLED }, async () => {
        const reader = await RawClient.connect(gateway.port)
        await reader.send('GET /endless HTTP/1.1\r\nHost: a\r\n\r\n')
        await reader.until(() => reader.receivedBytes > 0, 20_000)
        reader.pauseReading()
        return reader
      }),
    )
    // As much as it takes has come when others have been served for a while.
    for (let i = 0; i < 100; i += 1) {
      expect((await fetchAnswer(gateway.port, '/fast')).status).toBe(200)
    }
    const held = (gateway.rssBytes() ?? 0) - before
    // The heap of a gateway that has just begun to work grows as well.
    expect(held).toBeLessThan(128 * 1024 * 1024 + STALLED * HELD_PER_READER_BYTES)
    for (const reader of readers) await reader.destroy()
    await endless.close()
    const { counters } = await gateway.settle()
    expect(counters.aborted).toBe(STALLED)
  })

  it('B7 while there are twice as many connections as there may be, the admin listener answers', async () => {
    const app = await origin((_, response) => void response.end('fine'))
    const gateway = await start({
      acceptor,
      admin: '127.0.0.1:0',
      limits: { connections: 20 },
      upstreams: { app: { peers: [app.address] } },
    })
    const clients: RawClient[] = []
    for (let i = 0; i < 40; i += 1) clients.push(await RawClient.connect(gateway.port))
    await eventually('the surplus is closed', () => clients.filter(({ closed }) => closed).length === 20)
    const admin = gateway.gateway.admin?.port ?? 0
    expect((await fetchAnswer(admin, '/live')).status).toBe(200)
    expect((await fetchAnswer(admin, '/ready')).status).toBe(200)
    for (const client of clients) await client.destroy()
    await eventually('there is room again', async () => {
      return (await fetchAnswer(gateway.port, '/').catch(() => ({ status: 0 }))).status === 200
    })
  })

  it('B18 thousands of parameters, equal hashes and names of Object.prototype cost no more than others', async () => {
    const seen: string[] = []
    const app = await origin((request, response) => {
      seen.push(request.url ?? '')
      response.writeHead(200, { 'cache-control': 'max-age=60' }).end('fine')
    })
    const gateway = await start({
      acceptor,
      cache: { size: '8MiB' },
      upstreams: { app: { peers: [app.address] } },
      routes: [
        { match: { path: '/:constructor/:toString/*' }, upstream: 'app' },
        { upstream: 'app', cache: { keys: { query: { only: ['a', '__proto__'] } } } },
      ],
    })
    // Aa and BB have the same hash in many languages; so have all words made of them.
    const words = Array.from({ length: 512 }, (_, n) =>
      [...n.toString(2).padStart(9, '0')].map((bit) => (bit === '1' ? 'Aa' : 'BB')).join(''),
    )
    const floods = [
      `/?${Array.from({ length: 1900 }, (_, n) => `${n.toString(36)}=`).join('&')}`,
      `/?${words.slice(0, 380).join('&')}`,
      `/?${'__proto__=1&'.repeat(600)}`,
      `/${'a/'.repeat(3900)}?a`,
      '/__proto__/constructor/toString?__proto__[x]=1&constructor=2',
    ]
    const took: number[] = []
    for (const target of floods) {
      for (let round = 0; round < 3; round += 1) {
        const startMs = performance.now()
        const fields = 'x-a: 1\r\n'.repeat(80)
        const client = await say(
          gateway.port,
          `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}\r\n`,
        )
        took.push(performance.now() - startMs)
        expect(client.text).toMatch(/^HTTP\/1\.1 200 /)
      }
    }
    // Anything that grows with the square of these would take seconds.
    expect(Math.min(...took)).toBeLessThan(100)
    expect(took.sort((a, b) => a - b)[Math.floor(took.length / 2)]).toBeLessThan(500)
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
    expect(seen.length).toBeGreaterThanOrEqual(floods.length)
  })

  it('B20 what only looks like a static file is not stored, whatever stands at the end of its path', async () => {
    let asked = 0
    const app = await origin((request, response) => {
      asked += 1
      response.end(`account of ${String(request.headers.cookie)}`)
    })
    const gateway = await start({
      acceptor,
      cache: { size: '8MiB' },
      upstreams: { app: { peers: [app.address] } },
      routes: [{ upstream: 'app', cache: true }],
    })
    const paths = [
      '/account/x.css',
      '/account%0ax.css',
      '/account;x.css',
      '/account/..%3bx.js',
      '/account?x.css',
    ]
    for (const path of paths) {
      for (const user of ['alice', 'mallory']) {
        const client = await say(
          gateway.port,
          `GET ${path} HTTP/1.1\r\nHost: a\r\nCookie: ${user}\r\nConnection: close\r\n\r\n`,
        )
        const [answer] = client.responses().responses
        // What is off the grammar of paths is refused; what is not comes from the origin each time.
        if (answer?.status === 400) continue
        expect([path, answer?.status, answer?.body.toString()]).toEqual([path, 200, `account of ${user}`])
        expect(answer?.header('cache-status')).not.toContain('hit')
      }
    }
    expect(asked).toBeGreaterThanOrEqual(2 * 3)
    expect(asked).toBe(gateway.stats.counters.answered - gateway.stats.counters['status:4xx'])
  })

  it('B21 B22 what clients send is one line of JSON each, escaped and cut, and no secret is in it', async () => {
    const app = await origin((_, response) => void response.end('fine'))
    const file = join(folder, `${acceptor}.log`)
    const gateway = await start({
      acceptor,
      admin: '127.0.0.1:0',
      accessLog: { file, headers: ['user-agent', 'authorization', 'cookie'] },
      limits: { header: '64KiB' },
      upstreams: { app: { peers: [app.address] } },
    })
    const requests = [
      'GET /%0a%0d%1b[31m"x" HTTP/1.1\r\nHost: a\r\nUser-Agent: a\tb\xff\r\n',
      'GET /a?q="%22\'{} HTTP/1.1\r\nHost: a\r\nUser-Agent: {"msg":"forged"}\r\n',
      `GET /long HTTP/1.1\r\nHost: a\r\nUser-Agent: ${'u'.repeat(8_000)}\r\n`,
      `GET /secret?token=${CANARY}&api_key=${CANARY} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${CANARY}\r\nCookie: sid=${CANARY}\r\n`,
    ]
    const texts: string[] = []
    for (const head of requests)
      texts.push((await say(gateway.port, `${head}Connection: close\r\n\r\n`)).text)
    const nowhere = await say(
      gateway.port,
      `GET /x?token=${CANARY} HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\nAuthorization: ${CANARY}\r\n\r\n`,
    )
    await gateway.settle()
    const answered = texts.filter((text) => text.startsWith('HTTP/1.1 200')).length
    expect(answered).toBeGreaterThanOrEqual(2)
    const sessions = (): string[] =>
      readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line.includes('"session"'))
    await eventually('all are logged', () => sessions().length === gateway.stats.counters.requests)
    for (const line of sessions()) {
      expect(line).toMatch(/^[\x20-\x7e]+$/)
      expect(JSON.parse(line)).not.toMatchObject({ msg: 'forged' })
    }
    const long = sessions().find((line) => line.includes('"/long"'))
    if (long !== undefined) {
      expect(JSON.parse(long)).toMatchObject({ truncated: true, headers: { 'user-agent': 'u'.repeat(1024) } })
    }
    const admin = gateway.gateway.admin?.port ?? 0
    const told = await Promise.all(
      ['/metrics', '/stats.json', '/config'].map(async (path) =>
        (await fetchAnswer(admin, path)).body.toString(),
      ),
    )
    const everything = [
      readFileSync(file, 'utf8'),
      nowhere.text,
      JSON.stringify(gateway.log.lines),
      ...texts,
      ...told,
    ]
    expect(everything.filter((text) => text.includes(CANARY))).toEqual([])
  })
})
