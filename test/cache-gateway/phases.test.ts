import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest'
import type { CacheLookupResult } from '#src/session/session.js'
import { compileFilters } from '../support/compile-filter.js'
import { eventually } from '../support/eventually.js'
import { CacheBench } from './support.js'

const FRESH = { 'cache-control': 'max-age=60' }
const STALE = { age: '100', etag: '"a"', 'cache-control': 'max-age=60, stale-while-revalidate=1000' }

const filters = compileFilters(new URL('./filters/phases.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'headgate-phases-'))
const file = join(folder, 'access.log')

describe('the phases of a session on a route with a cache', () => {
  let bench: CacheBench

  beforeAll(async () => {
    bench = await CacheBench.start(undefined, {
      accessLog: { file },
      routes: [
        {
          match: { path: '/a/*' },
          upstream: 'app',
          cache: { bypass: { cookies: { session: true } } },
          filters: [filters.path('phases')],
        },
        { upstream: 'app', filters: [filters.path('phases')] },
      ],
    })
  }, 60_000)
  afterAll(async () => {
    await bench.close()
    filters.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  const phases = async (path: string, headers = {}): Promise<unknown> =>
    (await bench.get(path, headers)).headers['x-phases']

  it('A-08, A-52, A-63, A-70 the cache is asked in phase 3: all phases run on a miss, those of the upstream not on a hit', async () => {
    bench.always(FRESH)
    expect(await phases('/plain')).toBe('2 null, 3 null, 4 null, 5 null, 6 null, 7 null')
    expect(await phases('/a/1')).toBe('2 null, 3 miss, 4 miss, 5 miss, 6 miss, 7 miss')
    expect(await phases('/a/1')).toBe('2 null, 7 hit')
    expect(bench.asked).toHaveLength(2)
  })

  it('A-47 a lookup is a hit, a miss, stale or a bypass', async () => {
    expectTypeOf<CacheLookupResult['status']>().toEqualTypeOf<'hit' | 'miss' | 'stale' | 'bypass'>()
    const said = async (headers = {}): Promise<string> =>
      /7 (\w+)$/.exec(String(await phases('/a/2', headers)))?.[1] ?? ''
    bench.always(STALE)
    expect(await said({ cookie: 'session=1' })).toBe('bypass')
    expect(await said()).toBe('miss')
    bench.always(FRESH)
    expect(await said()).toBe('stale')
    await eventually('it is validated', async () => (await said()) === 'hit')
  })

  it('A-73 the access log says how long each step of a session took', async () => {
    bench.answers((_, response) => void setTimeout(() => response.writeHead(200).end('x'), 30))
    await bench.get('/timed')
    const lines = (): Record<string, number>[] =>
      readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line.includes('"/timed"'))
        .map((line) => JSON.parse(line) as Record<string, number>)
    await eventually('its line is written', () => lines().length === 1)
    const [line] = lines()
    expect(line).toMatchObject({ status: 200, tQueue: expect.any(Number), tConnect: expect.any(Number) })
    expect(line?.['tResponse']).toBeGreaterThanOrEqual(25)
    expect(line?.['tActive']).toBeGreaterThanOrEqual(line?.['tResponse'] ?? Number.POSITIVE_INFINITY)
  })
})
