import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { LmdbStore, MemoryStore } from '#src/state/index.js'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { AdServerUnderTest, inlineVast } from '../support/ad-server.js'
import { compileFilters } from '../support/compile-filter.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { footprint } from '../support/footprint.js'
import { GatewayProcess, InProcessGateway } from '../support/gateway.js'
import { fetchAnswer, send } from '../support/http-client.js'
import { HttpOrigin, type OriginHandler, refusedPort } from '../support/http-origin.js'
import { RawClient } from '../support/raw-client.js'

conserved()

const folder = mkdtempSync(join(tmpdir(), 'headgate-own-failures-'))
const filters = compileFilters(new URL('../faults/filters/hoard.ts', import.meta.url))
afterAll(() => {
  filters.remove()
  rmSync(folder, { recursive: true, force: true })
})

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function origin(handler: OriginHandler): Promise<HttpOrigin> {
  const made = await HttpOrigin.start(handler)
  cleanups.push(() => made.close())
  return made
}

const IS_LINUX = process.platform === 'linux'
if (!IS_LINUX) console.warn('SKIPPED: C12, whose limit of descriptors is set by means of Linux')

describe.each(ACCEPTOR_KINDS)('our own failures, over %s', (acceptor) => {
  it.runIf(IS_LINUX)(
    'C12 without descriptors some requests fail, none is forgotten, and all is well when there are some again',
    { timeout: 60_000 },
    async () => {
      const app = await origin((_, response) => void response.end('fine'))
      const gateway = await GatewayProcess.start({
        acceptor,
        admin: '127.0.0.1:0',
        workers: 1,
        upstreams: { app: { peers: [app.address], retries: { max: 0 } } },
      })
      cleanups.push(() => gateway.close())
      const limit = (descriptors: number): void =>
        void execFileSync('prlimit', ['--pid', String(gateway.pid), `--nofile=${descriptors}:`])
      const limits = readFileSync(`/proc/${gateway.pid}/limits`, 'utf8')
      const before = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1])
      limit((footprint(gateway.pid)?.descriptors ?? 0) + 12)
      const clients = await Promise.all(
        Array.from({ length: 40 }, async () => {
          const client = await RawClient.connect(gateway.port)
          await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
          return client
        }),
      )
      await eventually('some have an answer', () => clients.some(({ receivedBytes }) => receivedBytes > 0))
      for (const client of clients) {
        for (const { status } of client.responses().responses) expect([200, 502, 503]).toContain(status)
        await client.destroy()
      }
      limit(before)
      await eventually('it serves', async () => {
        const outcome = await send(gateway.port, '/')
        return outcome.kind === 'answer' && outcome.status === 200
      })
      expect(gateway.alive).toBe(true)
      await app.close()
      await gateway.settle()
    },
  )

  it('C3 a worker that hoards Buffers, which no heap limit counts, is replaced; its successor serves', {
    timeout: 60_000,
  }, async () => {
    const app = await origin((_, response) => void response.end('fine'))
    const gateway = await GatewayProcess.start({
      acceptor,
      admin: '127.0.0.1:0',
      workers: 1,
      log: { access: false },
      overload: { memory: '500MiB' },
      upstreams: { app: { peers: [app.address] } },
      routes: [{ upstream: 'app', filters: [filters.path('hoard')] }],
    })
    cleanups.push(() => gateway.close())
    const statuses = new Set<number>()
    await eventually('the worker is replaced', async () => {
      statuses.add((await fetchAnswer(gateway.port, '/hoard')).status)
      return gateway.log.having(({ msg }) => /worker was (recycled|lost)/.test(msg ?? '')).length > 0
    })
    await eventually('the memory is back, and it serves', async () => {
      return (await fetchAnswer(gateway.port, '/')).status === 200
    })
    expect(gateway.rssBytes()).toBeLessThan(500 * 1024 * 1024)
    // 502 only for what was in flight in the one that went.
    expect([...statuses].filter((status) => ![200, 502, 503].includes(status))).toEqual([])
    await app.close()
    await gateway.settle(16)
  })

  it('C7 sessions that the drain timeout cuts are counted, and the process exits with 1', async () => {
    const silent = await origin(() => undefined)
    const gateway = await GatewayProcess.start({
      acceptor,
      drain: { timeout: '200ms' },
      upstreams: { app: { peers: [silent.address] } },
    })
    cleanups.push(() => gateway.close())
    const clients = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const client = await RawClient.connect(gateway.port)
        await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        return client
      }),
    )
    await eventually('the origin has all', () => silent.requests === 3)
    gateway.signal('SIGTERM')
    expect(await gateway.exit).toEqual({ code: 1, signal: null })
    expect(gateway.log.having(({ lost }) => lost === 3)).toHaveLength(1)
    for (const client of clients) {
      expect(await client.untilClosed()).toBe(true)
      await client.destroy()
    }
  })

  it('C7 a load balancer is told at once, and for the drain delay new connections are still served', async () => {
    const app = await origin((_, response) => void response.end('fine'))
    const gateway = await GatewayProcess.start({
      acceptor,
      admin: '127.0.0.1:0',
      drain: { delay: '600ms' },
      upstreams: { app: { peers: [app.address] } },
    })
    cleanups.push(() => gateway.close())
    expect((await fetchAnswer(gateway.adminPort, '/ready')).status).toBe(200)
    gateway.signal('SIGTERM')
    await eventually(
      'it is not ready',
      async () => (await fetchAnswer(gateway.adminPort, '/ready')).status === 503,
    )
    expect((await fetchAnswer(gateway.port, '/')).status).toBe(200)
    expect(await gateway.exit).toEqual({ code: 0, signal: null })
  })
})

const CAP = {
  key: 'freq:alice:c1',
  max: 3,
  window: { kind: 'fixed', windowMs: 3_600_000 },
  mode: 'reserve',
} as const

describe('state of caps and budgets', () => {
  const serve = (ads: AdServerUnderTest, name: string, store: object) => ({
    match: { path: `/${name}/*` },
    adserving: {
      store,
      guard: { allow: ['127.0.0.0/8'], ports: [] },
      vast: { url: `${ads.base}/inline` },
      campaigns: { [name]: { caps: [{ max: 1000, every: '1h' }] } },
    },
  })

  it('C13 a database that is cut off or damaged is moved aside with a message; another serves on, and the gateway starts', {
    timeout: 60_000,
  }, async () => {
    const ads = await AdServerUnderTest.start((_, base) => inlineVast('ad-1', base))
    cleanups.push(() => ads.close())
    const paths = ['whole', 'cut', 'noise'].map((name) => join(folder, name))
    for (const path of paths) {
      const store = new LmdbStore({ path, durability: 'process' })
      for (let user = 0; user < 1000; user += 1) {
        const caps = [{ ...CAP, key: `freq:${user}:c1` }]
        void store.reserve({ id: `id-${user}`, caps, budgets: [] }, { holdMs: 60_000, settle: true })
      }
      await store.close()
    }
    const files = paths.map((path) => join(path, 'data.mdb'))
    truncateSync(files[1] ?? '', Math.floor(readFileSync(files[1] ?? '').length / 2))
    writeFileSync(files[2] ?? '', Buffer.alloc(100_000, 0x5a))
    const gateway = await InProcessGateway.start({
      workers: 1,
      upstreams: { app: { peers: ['127.0.0.1:9'] } },
      routes: paths.map((path, index) =>
        serve(ads, `r${index}`, { kind: 'lmdb', path, durability: 'process' }),
      ) as never,
    })
    try {
      const told = gateway.log.saying('the state database was damaged')
      expect(told.map((line) => line['path'])).toEqual(paths.slice(1))
      for (const index of [0, 1, 2]) {
        const answer = await fetchAnswer(gateway.port, `/r${index}/vast`)
        expect([answer.status, answer.headers['x-ad-result']]).toEqual([200, 'fill'])
      }
    } finally {
      await gateway.close()
    }
    const asides = paths.map((path) => readdirSync(path).filter((name) => name.includes('.damaged-')).length)
    expect(asides).toEqual([0, 1, 1])
    const whole = new LmdbStore({ path: paths[0] ?? '' })
    expect(await whole.capUse([{ ...CAP, key: 'freq:7:c1' }])).toMatchObject([{ committed: 1 }])
    await whole.close()
  })

  it('C10 a gateway whose Redis is away starts, serves by policy within its timeout, and other routes notice nothing', {
    timeout: 60_000,
  }, async () => {
    const ads = await AdServerUnderTest.start((_, base) => inlineVast('ad-1', base))
    cleanups.push(() => ads.close())
    const app = await origin((_, response) => void response.end('fine'))
    const store = { kind: 'redis', url: `redis://127.0.0.1:${await refusedPort()}` }
    const paid = serve(ads, 'paid', store)
    const gateway = await InProcessGateway.start({
      workers: 1,
      upstreams: { app: { peers: [app.address] } },
      routes: [
        serve(ads, 'open', store),
        {
          ...paid,
          adserving: { ...paid.adserving, campaigns: { paid: { caps: [], cpm: '2.00', budget: '1.00' } } },
        },
        { match: { path: '/*' }, upstream: 'app' },
      ] as never,
    })
    cleanups.push(() => gateway.close())
    const startMs = performance.now()
    const [open, budget, other] = await Promise.all(
      ['/open/vast', '/paid/vast', '/other'].map((path) => fetchAnswer(gateway.port, path)),
    )
    expect(performance.now() - startMs).toBeLessThan(5_000)
    expect([open?.status, open?.headers['x-ad-result']]).toEqual([200, 'fill'])
    expect(budget?.headers['x-ad-result']).not.toBe('fill')
    expect([other?.status, other?.body.toString()]).toEqual([200, 'fine'])
    await gateway.settle()
  })

  it('C14 a clock that jumps back or forward by an hour never lets more through than the cap of a window', async () => {
    let nowMs = 1_700_000_000_000
    const path = join(folder, 'clock')
    const stores = [
      new MemoryStore({ clock: () => nowMs }),
      new LmdbStore({ path, durability: 'process', clock: () => nowMs }),
    ]
    for (const store of stores) {
      let granted = 0
      let id = 0
      const ask = async (): Promise<void> => {
        id += 1
        const decision = { id: `${store.name}-${id}`, caps: [CAP], budgets: [] }
        if ((await store.reserve(decision, { holdMs: 60_000, settle: true })).granted) granted += 1
      }
      for (let i = 0; i < 5; i += 1) await ask()
      expect(granted).toBe(3)
      nowMs -= 3_600_000
      for (let i = 0; i < 5; i += 1) await ask()
      expect(granted).toBe(3)
      nowMs += 3_600_000
      for (let i = 0; i < 5; i += 1) await ask()
      expect(granted).toBe(3)
      nowMs += 2 * 3_600_000
      for (let i = 0; i < 5; i += 1) await ask()
      expect(granted).toBe(6)
      await store.close?.()
    }
  })
})
