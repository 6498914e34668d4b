// Stores ten times what a cache holds in it, in a process of its own, and tells by how much its memory has grown at most.
import { createStoreMemory, SharedStore } from '#src/cache/store/index.js'

const SIZE = Number(process.argv[2])
const SIZES = [200, 3000, 20_000, 300_000]
const head = {
  bornMs: 1,
  storedAtMs: 1,
  freshUntilMs: 1e15,
  staleWhileRevalidateUntilMs: 0,
  staleIfErrorUntilMs: 0,
  lastModifiedMs: 0,
  status: 200,
  flags: 0,
  vary: 0,
  meta: 'content-type: text/html\r\n'.repeat(8),
}
const bodies = SIZES.map((bytes) => Buffer.alloc(bytes, 'x'))
const warm = new SharedStore(createStoreMemory({ sizeBytes: 1 << 20, threads: 1 }), 0)
for (let i = 0; i < 20_000; i += 1) warm.put(`warm ${i}`, head, bodies[i % 2])
const base = process.memoryUsage.rss()
let most = base
const store = new SharedStore(createStoreMemory({ sizeBytes: SIZE, threads: 6 }), 0)
let stored = 0
for (let i = 0; stored < 10 * SIZE; i += 1) {
  const body = bodies[i % bodies.length]
  if (!store.put(`GET http://example.com/path/${i}`, head, body)) throw new Error('not stored')
  stored += body.length
  if (i % 64 === 0) most = Math.max(most, process.memoryUsage.rss())
}
const { evictions, usedBytes } = store.stats()
process.send({ grownBytes: most - base, evictions, usedBytes })
