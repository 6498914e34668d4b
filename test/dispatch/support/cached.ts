import { expect } from 'vitest'
import type { RouteCacheConfig } from '#src/cache/cache-config.js'
import { cacheKey, encodeMeta, PLAIN_KEY } from '#src/cache/rules/index.js'
import { createStoreMemory, type NewEntryHead, SharedStore } from '#src/cache/store/index.js'
import type { FilterRef, RouteConfig } from '#src/config/types.js'
import type { DispatcherOptions } from '#src/dispatch/index.js'
import { now } from '#src/time/index.js'
import type { FakeExchange } from './fake-exchange.js'
import { Rig, route } from './rig.js'

export const CACHE: RouteCacheConfig = {
  ttl: [],
  heuristic: null,
  keys: PLAIN_KEY,
  vary: { allow: null, ignore: [] },
  methods: ['GET', 'HEAD'],
  stale: { whileRevalidateMs: 0, ifErrorMs: 0 } as unknown as RouteCacheConfig['stale'],
  lock: null,
  bypass: { headers: [], cookies: [], query: [] },
  requestControl: 'honour',
  showKey: false,
  showStatus: true,
}

export const BODY = Buffer.from('0123456789')

export let store: SharedStore
export let events: string[]

/** To be called before each test. */
export function empty(sizeMiB = 8): void {
  store = new SharedStore(createStoreMemory({ sizeBytes: sizeMiB * 1024 * 1024, threads: 2 }), 1)
  events = []
}

export interface Stored {
  readonly target?: string
  readonly body?: Buffer
  readonly ageS?: number
  readonly ttlS?: number
  readonly flags?: number
  readonly status?: number
}

export const noFields = { get: () => null }

export function keyOf(target: string): string {
  return cacheKey({ scheme: 'http', host: 'example.com', target }, noFields, PLAIN_KEY)
}

export function headOf({ ageS = 7, ttlS = 60, flags = 0, status = 200 }: Stored): NewEntryHead {
  return {
    bornMs: now() - ageS * 1000 - 500,
    storedAtMs: now(),
    freshUntilMs: now() + ttlS * 1000 + 500,
    staleWhileRevalidateUntilMs: 0,
    staleIfErrorUntilMs: 0,
    lastModifiedMs: Date.UTC(2026, 0, 1),
    status,
    flags,
    vary: 0,
    meta: encodeMeta({
      statusText: 'OK',
      etag: '"v1"',
      dateMs: now(),
      varyNames: [],
      headerBlock: 'content-type: text/plain\r\netag: "v1"\r\nx-internal: 1\r\n',
    }),
  }
}

export function save(stored: Stored = {}): void {
  expect(store.put(keyOf(stored.target ?? '/'), headOf(stored), stored.body ?? BODY)).toBe(true)
}

export function start(
  cache: Partial<RouteCacheConfig> = {},
  filters: readonly FilterRef[] = [],
  responseEdits: DispatcherOptions['responseEdits'] = [],
  others: readonly RouteConfig[] = [],
): Rig {
  const config: RouteConfig = { ...route(), filters, cache: { ...CACHE, ...cache } }
  const rig = new Rig({
    routes: [config, ...others],
    responseEdits,
    hits: {
      // Another thread of the same memory would do as well: what is served has been stored by somebody.
      store,
      count: (index, event) => events.push(`${index} ${event}`),
    },
  })
  rig.dispatcher.allowHits([0])
  return rig
}

/** The request was given to a worker, which answers it. */
export async function wentToWorker(rig: Rig, exchange: FakeExchange): Promise<boolean> {
  await rig.settle()
  if (exchange.isOver) return false
  const worker = rig.worker()
  worker.respond(worker.last, 204)
  await rig.settle()
  return true
}
