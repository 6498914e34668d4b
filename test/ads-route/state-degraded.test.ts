import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { LmdbStore } from '#src/state/index.js'
import { AdServerUnderTest, inlineVast } from '../support/ad-server.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'

conserved()

const folder = mkdtempSync(join(tmpdir(), 'headgate-degraded-'))
let ads: AdServerUnderTest
let gateway: InProcessGateway | null = null

beforeAll(async () => {
  ads = await AdServerUnderTest.start((_, base) => inlineVast('ad', base))
})

afterEach(async () => {
  await gateway?.close()
  gateway = null
})

afterAll(async () => {
  await ads.close()
  rmSync(folder, { recursive: true, force: true })
})

function start(path: string, onFailure?: 'stop'): Promise<InProcessGateway> {
  const route = (name: string, campaign: object, capsWithoutStore = 'open') => ({
    match: { path: `/${name}/*` },
    adserving: {
      vast: { url: `${ads.base}/vast` },
      store: { kind: 'lmdb', path, durability: 'process', ...(onFailure && { onFailure }) },
      guard: { allow: ['127.0.0.0/8'], ports: [] },
      campaigns: { [name]: campaign },
      capsWithoutStore,
    },
  })
  return InProcessGateway.start({
    admin: '127.0.0.1:0',
    workers: 1,
    upstreams: { app: { peers: [ads.base.slice(7)] } },
    routes: [
      route('capped', { caps: [{ max: 2, every: '1h' }] }),
      route('strict', { caps: [{ max: 2, every: '1h' }] }, 'closed'),
      route('paid', { caps: [], cpm: '2.00', budget: '1.00' }),
      { match: { path: '/*' }, upstream: 'app' },
    ],
  } as Parameters<typeof InProcessGateway.start>[0])
}

async function ask(path: string): Promise<string | null> {
  const headers = { cookie: 'user_id=alice' }
  const response = await fetch(`http://127.0.0.1:${gateway?.port}${path}`, { headers })
  expect(response.status).toBe(200)
  await response.arrayBuffer()
  return response.headers.get('x-ad-result')
}

async function degradedStores(): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${gateway?.gateway.admin?.port}/stats.json`)
  return ((await response.json()) as { degradedStores: number }).degradedStores
}

describe('C12 a state store whose folder cannot be made', () => {
  it('degrades: requests are served, money is not spent uncounted, and all is counted once it can be opened', async () => {
    const parent = join(folder, 'not-a-folder')
    writeFileSync(parent, '')
    gateway = await start(join(parent, 'state'))
    expect(await ask('/vast')).toBe(null)
    expect([await ask('/capped/vast'), await ask('/capped/vast'), await ask('/capped/vast')]).toEqual(
      Array.from({ length: 3 }, () => 'fill'),
    )
    expect(await ask('/strict/vast')).toBe('frequency-cap')
    expect(await ask('/paid/vast')).toBe('budget')
    expect(await degradedStores()).toBe(1)
    expect(gateway.log.saying('cannot open its store')).toHaveLength(1)
    const reserved = gateway.stats.counters['store_error:lmdb:reserve']
    expect(reserved).toBeGreaterThanOrEqual(5)

    rmSync(parent)
    mkdirSync(parent)
    await gateway.log.until((line) => line.msg === 'the thread of the state stores is back')
    await eventually('budgets are open again', async () => (await ask('/paid/vast')) === 'fill')
    expect([await ask('/capped/vast'), await ask('/capped/vast'), await ask('/capped/vast')]).toEqual([
      'fill',
      'fill',
      'frequency-cap',
    ])
    expect(await degradedStores()).toBe(0)
    await gateway.settle()
  })

  it('onFailure: stop keeps the gateway from starting', async () => {
    const parent = join(folder, 'a-file')
    writeFileSync(parent, '')
    await expect(start(join(parent, 'state'), 'stop')).rejects.toThrow('cannot open the state database')
  })
})

it('C12 a store that takes no decisions says so once, and once when it does again', async () => {
  const told: (string | null)[] = []
  let isBroken = false
  const store = new LmdbStore({
    path: join(folder, 'told'),
    durability: 'process',
    onHealth: (failure) => void told.push(failure === null ? null : failure.message),
    clock: () => {
      if (isBroken) throw new Error('no space left on the device')
      return 1
    },
  })
  const ask = (): Promise<unknown> => store.setLimit('key', '1')
  await ask()
  isBroken = true
  await expect(ask()).rejects.toThrow('the state database failed')
  await expect(ask()).rejects.toThrow('the state database failed')
  isBroken = false
  await ask()
  await ask()
  expect(told).toEqual(['no space left on the device', null])
  await store.close()
})
