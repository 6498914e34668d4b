import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type CapCheck, LmdbStore, type ReserveResult } from '#src/state/index.js'
import { AdServerUnderTest, inlineVast } from '../support/ad-server.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { mountTmpfs } from '../support/tmpfs.js'

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

async function ask(path: string, user = 'alice'): Promise<string | null> {
  const headers = { cookie: `user_id=${user}` }
  const response = await fetch(`http://127.0.0.1:${gateway?.port}${path}`, { headers })
  expect(response.status).toBe(200)
  await response.arrayBuffer()
  return response.headers.get('x-ad-result')
}

async function degradedStores(): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${gateway?.gateway.admin?.port}/stats.json`)
  return ((await response.json()) as { degradedStores: number }).degradedStores
}

interface Unwritable {
  readonly folder: string
  mend(): void
  remove(): void
}

function notAFolder(): Unwritable {
  const path = join(folder, 'not-a-folder')
  writeFileSync(path, '')
  return {
    folder: path,
    mend() {
      rmSync(path)
      mkdirSync(path)
    },
    remove: () => rmSync(path, { recursive: true }),
  }
}

function readOnlyFolder(): Unwritable | null {
  // Root may write to any folder, but not to a file system that is read-only.
  if (process.getuid?.() === 0) {
    const tmpfs = mountTmpfs(8192, 'ro')
    return tmpfs && { folder: tmpfs.folder, mend: () => tmpfs.remount('rw'), remove: () => tmpfs.remove() }
  }
  const path = join(folder, 'read-only')
  mkdirSync(path, { mode: 0o555 })
  return { folder: path, mend: () => chmodSync(path, 0o755), remove: () => rmSync(path, { recursive: true }) }
}

describe.each([
  ['cannot be made', notAFolder],
  ['is read-only', readOnlyFolder],
])('C12 a state store whose folder %s', (_, make) => {
  it('degrades: requests are served, money is not spent uncounted, and all is counted once it can be opened', async (context) => {
    const broken = make()
    if (broken === null) {
      context.skip('nothing may be mounted here')
      return
    }
    try {
      gateway = await start(join(broken.folder, 'state'))
      expect(await ask('/vast')).toBe(null)
      expect([await ask('/capped/vast'), await ask('/capped/vast'), await ask('/capped/vast')]).toEqual(
        Array.from({ length: 3 }, () => 'fill'),
      )
      expect(await ask('/strict/vast')).toBe('frequency-cap')
      expect(await ask('/paid/vast')).toBe('budget')
      expect(await degradedStores()).toBe(1)
      expect(gateway.log.saying('cannot open its store')).toHaveLength(1)
      expect(gateway.stats.counters['store_error:lmdb:reserve']).toBeGreaterThanOrEqual(5)

      broken.mend()
      await gateway.log.until((line) => line.msg === 'the thread of the state stores is back')
      await eventually('budgets are open again', async () => (await ask('/paid/vast')) === 'fill')
      // What alice has had may be counted by now, as its commit waited for the store.
      const capped = [await ask('/capped/vast', 'bob'), await ask('/capped/vast', 'bob')]
      expect([...capped, await ask('/capped/vast', 'bob')]).toEqual(['fill', 'fill', 'frequency-cap'])
      expect(await degradedStores()).toBe(0)
      await gateway.settle()
      await gateway.close()
      gateway = null
    } finally {
      await gateway?.close()
      broken.remove()
    }
  })
})

it('C12 onFailure: stop keeps a gateway from starting whose state store cannot be opened', async () => {
  const broken = notAFolder()
  await expect(start(join(broken.folder, 'state'), 'stop')).rejects.toThrow('cannot open the state database')
  broken.remove()
})

it('C12 on a full disk the store refuses decisions, keeps those it has taken, and goes on when there is room', async (context) => {
  const disk = mountTmpfs(512)
  if (disk === null) {
    context.skip('nothing may be mounted here')
    return
  }
  const told: (string | null)[] = []
  const ballast = join(disk.folder, 'ballast')
  writeFileSync(ballast, Buffer.alloc(128 * 1024))
  const store = new LmdbStore({
    path: join(disk.folder, 'state'),
    durability: 'process',
    onHealth: (failure) => void told.push(failure === null ? null : 'fails'),
  })
  try {
    const cap = (user: number): CapCheck => ({
      key: `cap:${user}:${'x'.repeat(400)}`,
      max: 5,
      window: { kind: 'fixed', windowMs: 3_600_000 },
      mode: 'reserve',
    })
    const reserve = (user: number): Promise<ReserveResult> =>
      store.reserve({ id: `decision-${user}`, caps: [cap(user)], budgets: [] }, { holdMs: 60_000 })
    let taken = 0
    const fill = async (): Promise<unknown> => {
      for (; taken < 5000; taken += 1) await reserve(taken)
      return null
    }
    await expect(fill()).rejects.toMatchObject({ name: 'StateStoreError', failure: 'unavailable' })
    expect(taken).toBeGreaterThan(10)
    expect(told).toEqual(['fails'])
    // Reading needs no room.
    expect((await store.capUse([cap(0)])).map(({ committed, held }) => committed + held)).toEqual([1])

    rmSync(ballast)
    await reserve(taken)
    expect(told).toEqual(['fails', null])
    const used = await store.capUse(Array.from({ length: taken + 1 }, (_, user) => cap(user)))
    expect(used.every((use) => use.committed + use.held === 1)).toBe(true)
  } finally {
    await store.close()
    disk.remove()
  }
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
