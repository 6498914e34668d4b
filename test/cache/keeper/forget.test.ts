import { setImmediate as turn } from 'node:timers/promises'
import pino from 'pino'
import { expect, it } from 'vitest'
import { type CacheMemory, keeperThread, workerThread } from '#src/cache/cache-memory.js'
import { CacheKeeper } from '#src/cache/keeper/index.js'
import { SharedStore } from '#src/cache/store/index.js'
import { TOP } from '#src/cache/store/layout.js'
import { ShortLock } from '#src/memory/index.js'
import { SharedCache } from '#src/supervisor/shared-cache.js'
import { effectiveConfig } from '../../support/gateway.js'
import { HEAD, put, take } from '../store/support.js'

const SEATS = 2

/** The cache of a process with so many entries in it. */
async function filled(size: `${number}MiB`, entries: number) {
  const config = await effectiveConfig({
    cache: { size },
    upstreams: { app: { peers: ['127.0.0.1:1'] } },
    routes: [{ upstream: 'app', cache: true }],
  })
  const shared = new SharedCache(SEATS, pino({ level: 'silent' }))
  const memory = shared.memoryFor(config, null)
  if (memory === null) throw new Error('there is no cache')
  const one = new SharedStore(memory.store, workerThread(0))
  const another = new SharedStore(memory.store, workerThread(1))
  for (let i = 0; i < entries; i += 1) put(one, `kept ${i}`, `body ${i}`)
  return { shared, memory, one, another }
}

/** From now on that thread is one that has ended in the middle of a change. */
function dieAmidst({ store: { tables } }: CacheMemory, thread: number): Int32Array {
  const words = new Int32Array(tables)
  expect(new ShortLock(words, TOP.lock, thread).tryAcquire()).toBe(true)
  return words
}

it('the thread of the acceptor goes on while the index is made anew behind a worker that died in the middle of a change', async () => {
  const { shared, memory, one, another } = await filled('128MiB', 60_000)
  const words = dieAmidst(memory, workerThread(0))
  const keepers = new ShortLock(words, TOP.lock, workerThread(1))
  let done = false
  const forgotten = shared.forget(0).then(() => {
    done = true
  })
  let meanwhile = 0
  while (!done) {
    // In a thread that did the work itself there would be no such moment.
    if (keepers.isHeldBy(keeperThread(SEATS))) meanwhile += 1
    another.find('kept 1')?.release()
    await turn()
  }
  await forgotten
  expect(meanwhile).toBeGreaterThan(0)
  expect(another.stats()).toMatchObject({ rebuilds: 1, entries: 60_000 })
  expect(take(another, 'kept 59999')).toBe('body 59999')
  expect(put(one, 'new', 'of the successor')).toBe(true)
}, 30_000)

it('nobody waits for a change while the index is made anew', async () => {
  const { memory, another } = await filled('4MiB', 10)
  dieAmidst(memory, workerThread(0))
  expect(another.diedAmidst(workerThread(1))).toBe(false)
  expect(another.diedAmidst(workerThread(0))).toBe(true)
  const startMs = performance.now()
  for (let i = 0; i < 200; i += 1) expect(put(another, `new ${i}`, 'body')).toBe(false)
  // 20 ms for each would be 4 s.
  expect(performance.now() - startMs).toBeLessThan(2000)
  await another.forget(workerThread(0))
  expect(put(another, 'new', 'body')).toBe(true)
})

it('a keeper that died while it made the index anew is put in order itself by the next', async () => {
  const { memory, one, another } = await filled('4MiB', 10)
  const filling = one.begin('filling', HEAD)
  expect(filling?.append(Buffer.from('half'))).toBe(true)
  const words = dieAmidst(memory, keeperThread(SEATS))
  // The keeper had the lock of the worker of seat 0, whose fill is still there.
  Atomics.store(words, TOP.mending, 1)
  const reader = another.findFilling('filling')
  expect(reader?.state).toBe('filling')
  await new CacheKeeper(memory.store, keeperThread(SEATS), another).forget(workerThread(0))
  expect(reader?.state).toBe('aborted')
  reader?.release()
  expect(another.stats()).toMatchObject({ rebuilds: 1, filling: 0, entries: 10 })
  expect(words[TOP.mending]).toBe(0)
})
