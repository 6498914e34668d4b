import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LmdbStore, MemoryStore, RedisStore, type StateStore } from '#src/state/index.js'
import { hasRedis, RedisCluster, RedisServer } from '../support/redis-server.js'

/** Milliseconds that only tests move. */
export class FakeClock {
  nowMs = Date.UTC(2026, 0, 15, 12)
  readonly read = (): number => this.nowMs
  advance(ms: number): void {
    this.nowMs += ms
  }
}

export interface Backend {
  /** A store on this backend's state, on the clock of the test. */
  open(clock: () => number): StateStore
  /** What another thread or process needs to open the same state with the real clock. */
  readonly spec: StoreSpec
  /** Empties it. */
  clear(): Promise<void>
  stop(): Promise<void>
}

export type StoreSpec =
  | { readonly kind: 'memory' }
  | { readonly kind: 'lmdb'; readonly path: string; readonly durability: 'disk' | 'process' }
  | { readonly kind: 'redis'; readonly url: string }
  | { readonly kind: 'cluster'; readonly urls: string[] }

export interface BackendKind {
  readonly name: string
  readonly available: boolean
  start(): Promise<Backend>
}

/** Long enough for a machine that is busy with other tests. */
const PATIENT_MS = 10_000

const redis = hasRedis('the Redis store, on a server and on a cluster')

export const BACKENDS: readonly BackendKind[] = [
  { name: 'memory', available: true, start: startMemory },
  { name: 'lmdb', available: true, start: startLmdb },
  { name: 'redis', available: redis, start: startRedis },
  { name: 'redis cluster', available: redis, start: startCluster },
]

async function startMemory(): Promise<Backend> {
  return {
    open: (clock) => new MemoryStore({ clock }),
    spec: { kind: 'memory' },
    clear: async () => undefined,
    stop: async () => undefined,
  }
}

async function startLmdb(): Promise<Backend> {
  const base = mkdtempSync(join(tmpdir(), 'headgate-lmdb-'))
  let count = 0
  const path = (): string => join(base, String(count))
  return {
    open: (clock) => new LmdbStore({ path: path(), clock, durability: 'process' }),
    get spec(): StoreSpec {
      return { kind: 'lmdb', path: path(), durability: 'process' }
    },
    clear: async () => {
      count += 1
    },
    stop: async () => rmSync(base, { recursive: true, force: true }),
  }
}

async function startRedis(): Promise<Backend> {
  const server = await RedisServer.start()
  return {
    open: (clock) => new RedisStore({ url: server.url, clock, timeoutMs: PATIENT_MS }),
    spec: { kind: 'redis', url: server.url },
    clear: async () => void (await (await server.client()).flushAll()),
    stop: () => server.stop(),
  }
}

async function startCluster(): Promise<Backend> {
  const cluster = await RedisCluster.start()
  return {
    open: (clock) => new RedisStore({ cluster: cluster.urls, clock, timeoutMs: PATIENT_MS }),
    spec: { kind: 'cluster', urls: cluster.urls },
    clear: async () => {
      for (const node of cluster.nodes) await (await node.client()).flushAll()
    },
    stop: () => cluster.stop(),
  }
}
