import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type BudgetCheck, type CapCheck, type Decision, RedisStore } from '#src/state/index.js'
import { Breaker } from '#src/state/redis/index.js'
import { hashTagOf, slotGroups, taggedKey } from '#src/state/redis/slot-groups.js'
import { eventually } from '../support/eventually.js'
import { hasRedis, type Onlooker, RedisCluster, RedisServer } from '../support/redis-server.js'

const CAP: CapCheck = {
  key: 'freq:{alice}:c1',
  max: 30,
  window: { kind: 'fixed', windowMs: 3_600_000 },
  mode: 'reserve',
}
const BUDGET: BudgetCheck = {
  key: 'budget:{c1}',
  limitKey: null,
  limit: { micros: 1_000_000, nanos: 0 },
  pace: null,
  cost: { micros: 2000, nanos: 0 },
  currency: 'USD',
  ttlMs: null,
}
const HOLD = { holdMs: 60_000 }
const REMEMBER = { rememberMs: 60_000 }

let ids = 0
function decision(caps: CapCheck[], budgets: BudgetCheck[] = []): Decision {
  ids += 1
  return { id: `id-${String(ids)}`, caps, budgets }
}

/** Scripts that clients called; not what these called in turn. */
async function scriptCallsOf(client: Onlooker): Promise<{ evalsha: number; eval: number }> {
  const stats = String(await client.info('commandstats'))
  const calls = (name: string): number =>
    Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
  return { evalsha: calls('evalsha'), eval: calls('eval') }
}

const available = hasRedis('TTLs, round trips, outages of the Redis store')

describe.runIf(available)('RedisStore', () => {
  let server: RedisServer
  let client: Onlooker

  beforeAll(async () => {
    server = await RedisServer.start()
    client = await server.client()
  })
  beforeEach(async () => void (await client.flushAll()))
  afterAll(() => server.stop())

  it('B-63, F-05 no freq: key is ever without a TTL, with any window and after any call', async () => {
    const store = new RedisStore({ url: server.url, timeoutMs: 10_000 })
    const windows: CapCheck['window'][] = [
      { kind: 'fixed', windowMs: 60_000 },
      { kind: 'rolling', windowMs: 60_000 },
      { kind: 'calendar', startMs: Date.now() - 1000, endMs: Date.now() + 60_000 },
    ]
    const caps = windows.map((window) => ({ ...CAP, key: `freq:{alice}:${window.kind}`, window }))
    let looked = 0
    const look = async (): Promise<void> => {
      for (const key of await client.keys('*freq:*')) {
        looked += 1
        expect({ key, ttl: await client.pTTL(key) }).toMatchObject({
          ttl: expect.toSatisfy((ttl) => Number(ttl) > 0),
        })
      }
    }
    for (let count = 0; count < 4; count += 1) {
      const asked = decision(caps, [BUDGET])
      await store.reserve(asked, HOLD)
      await look()
      if (count === 1) await store.release(asked)
      else await store.commit(asked, REMEMBER)
      await look()
    }
    expect(looked).toBeGreaterThan(20)
    expect(await client.keys('done:*')).toHaveLength(3)
    for (const key of await client.keys('done:*')) expect(await client.pTTL(key)).toBeGreaterThan(0)
    await store.close()
  })

  it('every key has a TTL after whatever was done, also budgets without an end and limits that were written by hand', async () => {
    const store = new RedisStore({ url: server.url, timeoutMs: 10_000 })
    const ends: BudgetCheck = { ...BUDGET, key: 'budget:ends', limitKey: 'budget:limit:ends', ttlMs: 1000 }
    const never: BudgetCheck = { ...BUDGET, key: 'budget:never', limitKey: 'budget:limit:never' }
    await store.setLimit('budget:limit:never', '1.00 USD')
    await client.set('budget:limit:ends', '1.00 USD')
    const held = decision([CAP], [never, ends])
    for (const asked of [decision([CAP], [never, ends]), decision([], [never])]) {
      await store.reserve(asked, HOLD)
      await store.commit(asked, REMEMBER)
    }
    await store.reserve(held, HOLD)
    const ttls = Object.fromEntries(
      await Promise.all((await client.keys('*')).map(async (key) => [key, await client.pTTL(key)] as const)),
    )
    expect(Object.keys(ttls)).toEqual(
      expect.arrayContaining(['budget:never', 'budget:never:h', 'budget:limit:never', 'budget:limit:ends']),
    )
    for (const [key, ttl] of Object.entries(ttls)) expect([key, ttl > 0]).toEqual([key, true])
    const dayMs = 86_400_000
    for (const key of ['budget:never', 'budget:never:h', 'budget:limit:never', 'budget:limit:ends'])
      expect(ttls[key]).toBeGreaterThan(399 * dayMs)
    // Not before what is held has run out.
    for (const key of ['budget:ends', 'budget:ends:h']) expect(ttls[key]).toBeGreaterThan(HOLD.holdMs)
    // A refusal is a use as well: a budget that is used up stays so.
    await store.setLimit('budget:limit:never', '0.00 USD')
    for (const key of ['budget:never', 'budget:limit:never']) await client.pExpire(key, dayMs)
    expect((await store.reserve(decision([], [never]), HOLD)).granted).toBe(false)
    for (const key of ['budget:never', 'budget:limit:never'])
      expect(await client.pTTL(key)).toBeGreaterThan(399 * dayMs)
    await store.close()
  })

  it('B-46 the key of a fixed window keeps its TTL when more is counted', async () => {
    const store = new RedisStore({ url: server.url, timeoutMs: 10_000 })
    await store.reserve(decision([CAP]), { ...HOLD, settle: true })
    await client.pExpire(CAP.key, 1_800_000)
    await store.reserve(decision([CAP]), { ...HOLD, settle: true })
    expect(await client.pTTL(CAP.key)).toBeLessThanOrEqual(1_800_000)
    await store.close()
  })

  it('C-10 a decision over three caps and two budgets is one command, also after the server forgot its scripts', async () => {
    const store = new RedisStore({ url: server.url, timeoutMs: 10_000 })
    const asked = (): Decision =>
      decision(
        [
          CAP,
          { ...CAP, key: 'freq:bob:c1' },
          { ...CAP, key: 'freq:~:x', window: { kind: 'rolling', windowMs: 5000 } },
        ],
        [BUDGET, { ...BUDGET, key: 'budget:c2' }],
      )
    const first = asked()
    await store.reserve(first, HOLD)
    await store.commit(first, REMEMBER)
    await client.configResetStat()
    const second = asked()
    expect(await store.reserve(second, HOLD)).toEqual({ granted: true })
    await store.commit(second, REMEMBER)
    expect(await scriptCallsOf(client)).toEqual({ evalsha: 2, eval: 0 })
    await client.scriptFlush()
    await client.configResetStat()
    expect(await store.reserve(asked(), HOLD)).toEqual({ granted: true })
    expect(await scriptCallsOf(client)).toEqual({ evalsha: 1, eval: 1 })
    await store.close()
  })

  it('C10 fails at once while the server is away, counts nothing twice, and goes on when it is back', async () => {
    const lone = await RedisServer.start()
    const store = new RedisStore({ url: lone.url, timeoutMs: 10_000, breaker: { failures: 2, openMs: 50 } })
    expect(await store.reserve(decision([CAP]), HOLD)).toEqual({ granted: true })
    await lone.stop()
    const failures: unknown[] = []
    await eventually('the breaker opens', async () => {
      const failure = await store
        .reserve(decision([CAP]), HOLD)
        .catch((error: { failure: string }) => error.failure)
      failures.push(failure)
      return failure === 'breaker-open'
    })
    expect(new Set(failures)).toEqual(new Set(['unavailable', 'breaker-open']))
    expect(await store.healthCheck()).toBe(false)
    const again = await RedisServer.start({ port: lone.port })
    await eventually('the store is back', () => store.healthCheck())
    expect(await store.reserve(decision([CAP]), HOLD)).toEqual({ granted: true })
    await store.close()
    await again.stop()
  })

  it('C10 an answer that does not come is a timeout; the same decision again takes no second place', async () => {
    const lone = await RedisServer.start()
    const store = new RedisStore({ url: lone.url, timeoutMs: 300, breaker: { failures: 1000 } })
    await eventually('it is connected', () => store.healthCheck())
    const asked = decision([{ ...CAP, max: 1 }], [BUDGET])
    lone.pause()
    await expect(store.reserve(asked, HOLD)).rejects.toMatchObject({
      name: 'StateStoreError',
      failure: 'timeout',
    })
    lone.resume()
    await eventually('it answers again', () => store.healthCheck())
    expect(await store.reserve(asked, HOLD)).toEqual({ granted: true })
    expect(await store.capUse([CAP])).toMatchObject([{ held: 1 }])
    await store.close()
    await lone.stop()
  })

  it('C10 a server that speaks something else is unavailable, not a crash', async () => {
    const sockets: Socket[] = []
    const liar = createServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => undefined)
      socket.on('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
    }).listen(0, '127.0.0.1')
    await once(liar, 'listening')
    const address = liar.address()
    const port = address !== null && typeof address === 'object' ? address.port : 0
    const store = new RedisStore({ url: `redis://127.0.0.1:${String(port)}`, timeoutMs: 500 })
    await expect(store.reserve(decision([CAP]), HOLD)).rejects.toMatchObject({ name: 'StateStoreError' })
    await store.close()
    for (const socket of sockets) socket.destroy()
    liar.close()
  })
})

describe.runIf(available)('RedisStore on a cluster', () => {
  it('F-13 decides cap and budget in their own slots, and gives the cap back when the budget refuses or its node is gone', async () => {
    const cluster = await RedisCluster.start()
    const store = new RedisStore({ cluster: cluster.urls, timeoutMs: 3000, breaker: { failures: 1000 } })
    try {
      const poor = { ...BUDGET, limit: { micros: 1, nanos: 0 } }
      expect(await store.reserve(decision([CAP], [poor]), HOLD)).toMatchObject({
        refusal: { kind: 'budget', index: 0 },
      })
      expect(await store.capUse([CAP])).toMatchObject([{ held: 0 }])
      // Users and campaigns whose slots lie on the first and the last node.
      const first = await cluster.nodes[0]?.client()
      const slot = async (key: string): Promise<number> =>
        Number(await first?.sendCommand(['CLUSTER', 'KEYSLOT', key]))
      const keyIn = async (prefix: string, low: number, high: number): Promise<string> => {
        for (let count = 0; ; count += 1) {
          const key = `${prefix}:{${String(count)}}`
          const at = await slot(key)
          if (at >= low && at < high) return key
        }
      }
      const near = { ...CAP, key: await keyIn('freq', 0, 5000) }
      const far = { ...BUDGET, key: await keyIn('budget', 12_000, 16_384) }
      expect(await store.reserve(decision([near], [far]), HOLD)).toEqual({ granted: true })
      expect(await store.capUse([near])).toMatchObject([{ held: 1 }])
      cluster.nodes[2]?.pause()
      await expect(store.reserve(decision([near], [far]), HOLD)).rejects.toMatchObject({ failure: 'timeout' })
      expect(await store.capUse([near])).toMatchObject([{ held: 1 }])
      cluster.nodes[2]?.resume()
    } finally {
      await store.close()
      await cluster.stop()
    }
  })
})

describe('slots', () => {
  it('F-13 reads hash tags as Redis Cluster does', () => {
    expect(hashTagOf('freq:{alice}:c1')).toBe('alice')
    expect(hashTagOf('{a}{b}')).toBe('a')
    expect(['plain', '{}x', 'x{', 'x}{', '{}{a}'].map(hashTagOf)).toEqual([null, null, null, null, null])
    expect(taggedKey('plain')).toBe('{plain}')
  })

  it('C-03 groups by tag, caps before budgets', () => {
    const other = { ...CAP, key: 'freq:{c1}:all' }
    const groups = slotGroups({ caps: [CAP, other], budgets: [BUDGET] })
    expect(groups.map(({ tag, capIndexes, budgetIndexes }) => [tag, capIndexes, budgetIndexes])).toEqual([
      ['alice', [0], []],
      ['c1', [1], [0]],
    ])
  })
})

describe('Breaker', () => {
  it('F-36 opens after so many failures in a row, then lets one call at a time try', () => {
    let nowMs = 0
    const breaker = new Breaker({ failures: 2, openMs: 100, clock: () => nowMs })
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    expect(breaker.state).toBe('closed')
    breaker.failed()
    expect([breaker.state, breaker.allow()]).toEqual(['open', false])
    nowMs = 100
    expect([breaker.state, breaker.allow(), breaker.allow()]).toEqual(['half-open', true, false])
    breaker.failed()
    expect(breaker.state).toBe('open')
    nowMs = 200
    expect(breaker.allow()).toBe(true)
    breaker.succeeded()
    expect([breaker.state, breaker.allow(), breaker.allow()]).toEqual(['closed', true, true])
  })
})
