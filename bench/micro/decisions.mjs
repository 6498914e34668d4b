import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LmdbStore, MemoryStore, RedisStore } from '#src/state/index.js'
import { about, addRemark, addTable, short } from '../lib/document.mjs'

about(
  'Decisions of caps and budgets',
  'One reserve over one cap and one budget, then its commit, each timed by itself and counted as one decision. One at a time, and 64 under way.',
)
const seconds = short ? 0.3 : 2

async function redis() {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => probe.once('listening', resolve))
  const { port } = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', ''], {
    stdio: 'ignore',
  })
  const failed = new Promise((resolve) => child.once('error', () => resolve(true)))
  const store = new RedisStore({
    url: `redis://127.0.0.1:${port}`,
    timeoutMs: 5000,
    breaker: { failures: 1e9 },
  })
  for (let tries = 0; tries < 200; tries += 1) {
    if (await store.healthCheck()) return { store, stop: () => child.kill('SIGKILL') }
    if (await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, 25))])) break
  }
  return null
}

const base = mkdtempSync(join(tmpdir(), 'headgate-bench-'))
const remove = () => rmSync(base, { recursive: true, force: true })
const SUBJECTS = {
  memory: () => ({ store: new MemoryStore(), stop: () => undefined }),
  'lmdb, durability: process': () => ({
    store: new LmdbStore({ path: join(base, 'process'), durability: 'process' }),
    stop: remove,
  }),
  'lmdb, durability: disk': () => ({ store: new LmdbStore({ path: join(base, 'disk') }), stop: remove }),
  'redis on loopback': redis,
}

function decision(user) {
  return {
    id: randomUUID(),
    caps: [
      {
        key: `freq:user-${user}:c1`,
        max: 1000,
        window: { kind: 'fixed', windowMs: 3_600_000 },
        mode: 'reserve',
      },
    ],
    budgets: [
      {
        key: 'budget:c1',
        limitKey: 'budget:limit:c1',
        limit: { micros: 1e15, nanos: 0 },
        pace: null,
        cost: { micros: 2000, nanos: 0 },
        currency: 'USD',
        ttlMs: null,
      },
    ],
  }
}

async function load(store, underWay) {
  const latencies = []
  const endMs = performance.now() + seconds * 1000
  const timed = async (ask) => {
    const startMs = performance.now()
    await ask()
    latencies.push(performance.now() - startMs)
  }
  const loop = async () => {
    while (performance.now() < endMs) {
      const asked = decision(Math.trunc(Math.random() * 10_000))
      await timed(() => store.reserve(asked, { holdMs: 60_000 }))
      await timed(() => store.commit(asked, { rememberMs: 60_000 }))
    }
  }
  const startMs = performance.now()
  await Promise.all(Array.from({ length: underWay }, loop))
  const perSecond = latencies.length / ((performance.now() - startMs) / 1000)
  latencies.sort((a, b) => a - b)
  const at = (share) => Math.round(latencies[Math.trunc((latencies.length - 1) * share)] * 1000)
  return { p50: at(0.5), p99: at(0.99), perSecond: Math.round(perSecond) }
}

const rows = []
for (const [name, start] of Object.entries(SUBJECTS)) {
  const subject = await start()
  if (subject === null) {
    addRemark(`${name}: not measured, redis-server is not installed`)
    continue
  }
  await load(subject.store, 8)
  for (const underWay of [1, 64]) {
    const { p50, p99, perSecond } = await load(subject.store, underWay)
    rows.push([name, underWay, p50, p99, perSecond])
  }
  await subject.store.close()
  subject.stop()
}
remove()
addTable('', ['store', 'under way', 'p50, µs', 'p99, µs', 'decisions/s'], rows)
process.exit(0)
