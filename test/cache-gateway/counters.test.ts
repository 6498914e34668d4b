import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually } from '../support/eventually.js'
import { fetchAnswer, send } from '../support/http-client.js'
import { CacheBench, verdict } from './support.js'

const FRESH = { 'cache-control': 'max-age=60' }
/** Stale from the moment on that it comes. */
const STALE = { age: '100', etag: '"a"' }

let bench: CacheBench
beforeAll(async () => {
  bench = await CacheBench.start(undefined, {
    admin: '127.0.0.1:0',
    workers: 1,
    routes: [
      { match: { path: '/off/*' }, upstream: 'app' },
      { match: { path: '/other/*' }, upstream: 'app', cache: true },
      { upstream: 'app', cache: { bypass: { query: { past: true } } } },
    ],
  })
}, 60_000)
afterAll(() => bench.close())

async function admin(path: string): Promise<string> {
  return (await fetchAnswer(bench.gateway.gateway.admin?.port ?? 0, path)).body.toString()
}

/** Samples of the metrics of the cache, by name and labels. */
async function metrics(): Promise<Readonly<Record<string, number>>> {
  const lines = (await admin('/metrics')).split('\n').filter((line) => line.startsWith('headgate_cache_'))
  return Object.fromEntries(
    lines.map((line) => {
      const space = line.lastIndexOf(' ')
      return [line.slice('headgate_cache_'.length, space), Number(line.slice(space + 1))]
    }),
  )
}

it('each request of a route with a cache is counted once by what became of it, and what is held is told', async () => {
  bench.always({}, 'x')
  await bench.get('/off/a')
  bench.always(FRESH, 'x'.repeat(1000))
  // A miss and a hit; past the cache by the route, and by the method.
  for (const path of ['/a', '/a', '/a?past=1']) await bench.get(path)
  await bench.get('/b', {}, { method: 'POST' })
  // A miss that others wait for.
  let answer: () => void = () => undefined
  bench.answers((request, response) => {
    if (request.url === '/waited')
      answer = () => void response.writeHead(200, { ...FRESH, 'content-length': 4 }).end('body')
    else response.end('off')
  })
  const three = Array.from({ length: 3 }, () => bench.get('/waited'))
  await eventually('they are in flight', () => bench.gateway.stats.inFlight === 3 && bench.asked.length === 1)
  // What the worker takes up behind them tells that it has them.
  await bench.get('/off/b')
  answer()
  await Promise.all(three)
  // A miss, and one that the origin answers with 304.
  bench.always({ ...STALE, ...FRESH })
  await bench.get('/validated')
  bench.always({ etag: '"a"', ...FRESH }, '', 304)
  await bench.get('/validated')
  // A miss; stale, validated in the background.
  bench.always({ ...STALE, 'cache-control': 'max-age=60, stale-while-revalidate=1000' })
  await bench.get('/later')
  bench.always({ etag: '"a"', ...FRESH }, '', 304)
  expect((await bench.get('/later')).body.toString()).toBe('body')
  await eventually('it was validated', () => bench.asked.length === 1)
  // A miss; stale in the place of an error.
  bench.always({ ...STALE, 'cache-control': 'max-age=60, stale-if-error=1000' })
  await bench.get('/rescued')
  bench.answers((asked) => void asked.socket.destroy())
  expect((await bench.get('/rescued')).status).toBe(200)
  // A miss that is not stored.
  bench.always({ 'cache-control': 'no-store' })
  await bench.get('/never')
  bench.always(FRESH)
  expect(verdict(await bench.get('/other/a'))).toBe('fwd=uri-miss; stored')
  await bench.gateway.settle()

  const found = await metrics()
  const status = (route: string, name: string): number | undefined =>
    found[`requests_total{route="${route}",status="${name}"}`]
  const of = (route: string): unknown =>
    Object.fromEntries(
      ['hit', 'collapsed', 'stale', 'revalidated', 'miss', 'bypass'].map((name) => [
        name,
        status(route, name),
      ]),
    )
  expect(of('/*')).toEqual({ hit: 1, collapsed: 2, stale: 2, revalidated: 1, miss: 6, bypass: 2 })
  expect(of('/other/*')).toEqual({ hit: 0, collapsed: 0, stale: 0, revalidated: 0, miss: 1, bypass: 0 })
  expect(Object.keys(found).filter((name) => name.includes('/off'))).toEqual([])
  expect(found).toMatchObject({
    'stored_total{route="/*"}': 5,
    'uncacheable_total{route="/*"}': 1,
    'background_total{route="/*"}': 1,
    entries: 6,
    filling: 0,
    evictions_total: 0,
    rebuilds_total: 0,
  })
  expect(found['bytes']).toBeGreaterThanOrEqual(6 * 256)
  expect(found['capacity_bytes']).toBeGreaterThan(28 * 1024 * 1024)

  const stats = JSON.parse(await admin('/stats.json'))
  expect(stats.cache).toEqual({
    hitRatio: 4 / 13,
    bytes: found['bytes'],
    capacityBytes: found['capacity_bytes'],
    entries: 6,
  })
  const main = {
    hits: 3,
    misses: 8,
    stale: 1,
    bypassed: 2,
    stored: 5,
    uncacheable: 1,
    revalidated: 1,
    rescued: 1,
    background: 1,
    collapsed: 2,
  }
  const routes: { name: string; cache?: unknown }[] = stats.routes
  expect(routes.map(({ name, cache }) => [name, cache])).toEqual([
    ['/off/*', undefined],
    ['/other/*', { ...main, ...NOTHING, misses: 1, stored: 1 }],
    ['/*', main],
    ['_unrouted', undefined],
  ])
  const cache = JSON.parse(await admin('/cache'))
  expect(cache.routes.map(({ route }: { route: string }) => route)).toEqual(['/other/*', '/*'])
  expect(cache.routes[1]).toEqual({ route: '/*', ...main })

  await send(bench.gateway.gateway.admin?.port ?? 0, '/cache/purge?prefix=http://example.com/', {
    method: 'POST',
    headers: { host: 'localhost' },
  })
  expect(await metrics()).toMatchObject({ entries: 0, bytes: 0, purged_total: 6 })
}, 30_000)

const NOTHING = {
  hits: 0,
  misses: 0,
  stale: 0,
  bypassed: 0,
  stored: 0,
  uncacheable: 0,
  revalidated: 0,
  rescued: 0,
  background: 0,
  collapsed: 0,
}
