import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel, Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DueQueue } from '#src/state/due-queue.js'
import {
  type BudgetCheck,
  type CapCheck,
  type Decision,
  LmdbStore,
  MemoryStore,
  PortStore,
  serveStore,
} from '#src/state/index.js'
import { FakeClock } from './stores-under-test.js'

const capOf = (key: string): CapCheck => ({
  key,
  max: 1_000_000,
  window: { kind: 'fixed', windowMs: 60_000 },
  mode: 'reserve',
})
const BUDGET: BudgetCheck = {
  key: 'budget:c1:day',
  limitKey: null,
  limit: { micros: 1e12, nanos: 0 },
  pace: null,
  cost: { micros: 2000, nanos: 0 },
  currency: 'USD',
  ttlMs: 120_000,
}
const decision = (id: number, budgets: BudgetCheck[] = []): Decision => ({
  id: `id-${String(id)}`,
  caps: [capOf(`freq:user-${String(id)}:c1`)],
  budgets,
})

describe('MemoryStore', () => {
  it('F-44 forgets everything in its time: ten thousand anonymous users leave nothing behind', async () => {
    const clock = new FakeClock()
    const store = new MemoryStore({ clock: clock.read })
    for (let id = 0; id < 10_000; id += 1) {
      await store.reserve(decision(id, [BUDGET]), { holdMs: 1000 })
      if (id % 2 === 0) await store.commit(decision(id, [BUDGET]), { rememberMs: 30_000 })
    }
    expect(store.size).toBe(20_000)
    clock.advance(1000)
    expect(await store.expire()).toBe(5000)
    clock.advance(60_001)
    await store.expire()
    expect(store.size).toBe(0)
    clock.advance(120_000)
    expect(await store.budgetUse([BUDGET])).toMatchObject([{ spent: { micros: 0 } }])
  })

  it('F-44 is bounded: when it is full it says so, and takes more once something has run out', async () => {
    const clock = new FakeClock()
    const store = new MemoryStore({ clock: clock.read, maxEntries: 4 })
    await store.reserve(decision(1), { holdMs: 1000 })
    await store.reserve(decision(2), { holdMs: 1000 })
    await expect(store.reserve(decision(3), { holdMs: 1000 })).rejects.toMatchObject({ failure: 'full' })
    expect(await store.commit(decision(1), { rememberMs: 1000 })).toBe('counted')
    clock.advance(2000)
    expect(await store.reserve(decision(3), { holdMs: 1000 })).toEqual({ granted: true })
  })
})

describe('LmdbStore', () => {
  let path: string
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'headgate-lmdb-'))
  })
  afterEach(() => rmSync(path, { recursive: true, force: true }))

  it('keeps what was answered when it is opened again, waiting for the disk or not', async () => {
    for (const durability of ['disk', 'process'] as const) {
      const directory = join(path, durability)
      const first = new LmdbStore({ path: directory, durability })
      await first.setLimit('budget:limit:c1', '5 EUR')
      await first.reserve(decision(1, [BUDGET]), { holdMs: 60_000, settle: true })
      await first.close()
      const again = new LmdbStore({ path: directory, durability })
      expect(await again.budgetUse([{ ...BUDGET, limitKey: 'budget:limit:c1' }])).toMatchObject([
        { spent: { micros: 2000 }, limit: { micros: 5_000_000 } },
      ])
      await again.close()
    }
  })

  it('forgets what has run out, so that the file does not grow with users who never come back', async () => {
    const clock = new FakeClock()
    const store = new LmdbStore({ path, durability: 'process', clock: clock.read })
    await Promise.all(Array.from({ length: 500 }, (_, id) => store.reserve(decision(id), { holdMs: 1000 })))
    clock.advance(1000)
    expect(await store.expire()).toBe(500)
    clock.advance(60_000)
    expect(await store.expire()).toBe(0)
    expect(await store.capUse([capOf('freq:user-1:c1')])).toEqual([
      { committed: 0, held: 0, resetAfterMs: 0 },
    ])
    await store.close()
  })

  it('answers what was asked before it is closed, refuses too much at once and keys that are too long', async () => {
    const store = new LmdbStore({ path, durability: 'process', maxWaiting: 3 })
    await expect(store.reserve({ ...decision(1), id: 'x'.repeat(2000) }, { holdMs: 1 })).rejects.toThrow(
      TypeError,
    )
    const asked = [1, 2, 3, 4].map((id) => store.reserve(decision(id), { holdMs: 1000 }))
    const closing = store.close()
    const answers = await Promise.allSettled(asked)
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected'])
    await expect(asked[3]).rejects.toMatchObject({ failure: 'overloaded' })
    await closing
  })

  it('a directory that cannot be made is said so', () => {
    const file = join(path, 'file')
    writeFileSync(file, '')
    expect(() => new LmdbStore({ path: join(file, 'below') })).toThrow(/cannot open the state database/)
  })

  it('a worker thread that asks through a port can be terminated in mid-load: the state stays whole, and usable', async () => {
    const store = new LmdbStore({ path, durability: 'process' })
    const total: BudgetCheck = { ...BUDGET, ttlMs: null }
    const all = capOf('freq:all:c1')
    for (let round = 0; round < 5; round += 1) {
      const { port1, port2 } = new MessageChannel()
      serveStore(store, port1)
      const spender = new Worker(
        `const { parentPort, workerData } = require('node:worker_threads')
         import(workerData.module).then(async ({ PortStore }) => {
           const store = new PortStore(workerData.port, { name: 'lmdb', hashTags: false })
           for (let id = 0; ; id += 1) {
             const asked = [0, 1, 2, 3].map((n) => ({ ...workerData.decision, id: workerData.round + '-' + id + '-' + n }))
             await Promise.all(asked.map((one) => store.reserve(one, { holdMs: 60000, settle: true })))
             if (id === 20) parentPort.postMessage('spending')
           }
         })`,
        {
          eval: true,
          workerData: {
            module: import.meta.resolve('#src/state/index.js'),
            round,
            port: port2,
            decision: { id: '', caps: [all], budgets: [total] },
          },
          transferList: [port2],
        },
      )
      await once(spender, 'message')
      await spender.terminate()
      const [cap] = await store.capUse([all])
      const [budget] = await store.budgetUse([total])
      expect(cap?.committed).toBeGreaterThanOrEqual(80 * (round + 1))
      expect(budget?.spent.micros).toBe(2000 * (cap?.committed ?? 0))
      expect((await store.reserve(decision(1000 + round), { holdMs: 1000 })).granted).toBe(true)
    }
    await store.close()
  })
})

describe('PortStore', () => {
  it('fails what it asked when the thread of the store goes away', async () => {
    const { port1, port2 } = new MessageChannel()
    const store = new PortStore(port2, { name: 'lmdb', hashTags: false })
    const asked = store.reserve(decision(1), { holdMs: 1000 })
    port1.close()
    await expect(asked).rejects.toMatchObject({ name: 'StateStoreError', failure: 'unavailable' })
    await expect(store.reserve(decision(1), { holdMs: 1000 })).rejects.toMatchObject({
      failure: 'unavailable',
    })
  })
})

describe('DueQueue', () => {
  it('gives what is due in order, whatever the order it came in', () => {
    const queue = new DueQueue<number>()
    const times = Array.from({ length: 500 }, (_, index) => (index * 7919) % 1000)
    for (const time of times) queue.add(time, time)
    expect(queue.take(-1, 10)).toEqual([])
    const sorted = times.toSorted((a, b) => a - b)
    expect(queue.take(499, 3)).toEqual(sorted.slice(0, 3))
    expect([...queue.take(499, 1000), ...queue.take(1000, 1000)]).toEqual(sorted.slice(3))
    expect(queue.size).toBe(0)
  })
})
