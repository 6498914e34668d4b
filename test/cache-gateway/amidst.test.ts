import { afterAll, beforeAll, expect, it } from 'vitest'
import { compileFilters } from '../support/compile-filter.js'
import { eventually } from '../support/eventually.js'
import { fetchAnswer, send } from '../support/http-client.js'
import { CacheBench, verdict } from './support.js'

const filters = compileFilters(new URL('./filters/amidst.ts', import.meta.url))
const TABLE = new URL('../../dist/cache/store/entry-table.js', import.meta.url).href
const FRESH = { 'cache-control': 'max-age=60' }

let bench: CacheBench
beforeAll(async () => {
  bench = await CacheBench.start(undefined, {
    admin: '127.0.0.1:0',
    routes: [
      { upstream: 'app', cache: true, filters: [{ use: filters.path('amidst'), with: { table: TABLE } }] },
    ],
  })
}, 60_000)
afterAll(async () => {
  await bench.close()
  filters.remove()
})

it('C6 a worker that dies with the lock of the index in its hand costs its own sessions alone: what is stored is served on, and new answers are stored', async () => {
  const stats = async (): Promise<{ entries: number; rebuilds: number }> => {
    const answer = await fetchAnswer(bench.gateway.gateway.admin?.port ?? 0, '/cache')
    return JSON.parse(answer.body.toString()).store
  }
  bench.always(FRESH)
  for (const path of ['/a', '/b', '/c']) await bench.get(path)
  bench.always({ ...FRESH, 'x-die': '1' })
  const lost = await send(bench.gateway.port, '/deadly', { headers: { host: 'example.com' } })
  expect([200, 502]).toContain(lost.status)
  const asked = bench.asked.length
  for (const path of ['/a', '/b', '/c']) expect(verdict(await bench.get(path))).toBe('hit')
  await eventually('the index is made anew', async () => (await stats()).rebuilds === 1)
  bench.always(FRESH)
  expect(verdict(await bench.get('/d'))).toBe('fwd=uri-miss; stored')
  for (const path of ['/a', '/b', '/c', '/d']) expect(verdict(await bench.get(path))).toBe('hit')
  expect([asked, bench.asked.length, (await stats()).entries]).toEqual([1, 1, 4])
}, 30_000)
