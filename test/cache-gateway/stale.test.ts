import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compileFilters } from '../support/compile-filter.js'
import { eventually } from '../support/eventually.js'
import { CacheBench, cacheStatus, verdict } from './support.js'

const FRESH = { 'cache-control': 'max-age=60' }
/** Stale from the moment on that it comes. */
const STALE = { age: '100', etag: '"a"' }

const filters = compileFilters(
  new URL('./filters/hooks.ts', import.meta.url),
  new URL('./filters/shout.ts', import.meta.url),
)
afterAll(() => filters.remove())

describe('stale answers and filters', () => {
  let bench: CacheBench
  let n = 0
  const path = (folder = ''): string => {
    n += 1
    return `${folder}/s${n}`
  }
  /** Stores an answer that is stale at once. */
  const stored = async (control: string, at = path()): Promise<string> => {
    bench.always({ ...STALE, 'cache-control': control }, 'old')
    await bench.get(at)
    return at
  }

  beforeAll(async () => {
    bench = await CacheBench.start(undefined, {
      routes: [
        {
          match: { path: '/grace/*' },
          upstream: 'app',
          cache: { stale: { whileRevalidate: '1h', ifError: '1h' } },
        },
        { match: { path: '/hooks/*' }, upstream: 'app', cache: true, filters: [filters.path('hooks')] },
        { match: { path: '/shout/*' }, upstream: 'app', cache: true, filters: [filters.path('shout')] },
        { upstream: 'app', cache: true },
      ],
    })
  }, 60_000)
  afterAll(() => bench.close())

  it('A-50 F-34 many readers get what is stale at once, exactly one validates it, then all get the new one', async () => {
    const at = await stored('max-age=60, stale-while-revalidate=1000')
    let answer: () => void = () => undefined
    bench.answers((_, response) => {
      answer = () => {
        response.writeHead(200, { ...FRESH, 'content-length': 3 })
        response.end('new')
      }
    })
    const readers = await Promise.all(Array.from({ length: 40 }, () => bench.get(at)))
    expect(new Set(readers.map((reader) => reader.body.toString()))).toEqual(new Set(['old']))
    expect(cacheStatus(readers[0] ?? (await bench.get(at)))).toMatch(/^headgate; hit; ttl=-\d+$/)
    await eventually('it is being validated', () => bench.asked.length === 1)
    expect(bench.asked[0]?.headers['if-none-match']).toBe('"a"')
    expect((await bench.get(at)).body.toString()).toBe('old')
    answer()
    await eventually('the new one is there', async () => (await bench.get(at)).body.toString() === 'new')
    expect(verdict(await bench.get(at))).toBe('hit')
    expect(bench.asked).toHaveLength(1)
  })

  it('A-50 a validation in the background that fails leaves what is stale where it is', async () => {
    const at = await stored('max-age=60, stale-while-revalidate=1000')
    bench.answers((asked) => void asked.socket.destroy())
    expect((await bench.get(at)).body.toString()).toBe('old')
    await eventually('it has failed', () => bench.asked.length >= 1)
    expect((await bench.get(at)).body.toString()).toBe('old')
    bench.always({ ...FRESH, etag: '"a"' }, '', 304)
    await eventually(
      'it is fresh again',
      async () => verdict(await bench.get(at)) === 'hit' && !/ttl=-/.test(cacheStatus(await bench.get(at))),
    )
  })

  it('without a window nothing stale is served: neither while it is validated, nor for an error', async () => {
    const at = await stored('max-age=60')
    bench.always({}, 'broken', 500)
    const failed = await bench.get(at)
    expect([failed.status, failed.body.toString()]).toEqual([500, 'broken'])
    bench.answers((asked) => void asked.socket.destroy())
    expect((await bench.get(at)).status).toBe(502)
  })

  it('serve_stale_network_error and _on_500: within the window of the answer', async () => {
    const at = await stored('max-age=60, stale-if-error=1000')
    bench.answers((asked) => void asked.socket.destroy())
    const cut = await bench.get(at)
    expect([cut.status, cut.body.toString(), verdict(cut)]).toEqual([200, 'old', 'fwd=stale'])
    for (const status of [500, 502, 503, 504]) {
      bench.always({}, 'broken', status)
      const answer = await bench.get(at)
      expect([answer.status, answer.body.toString()]).toEqual([200, 'old'])
      expect(cacheStatus(answer)).toContain(`fwd-status=${status}`)
    }
    bench.always({}, 'gone', 404)
    expect((await bench.get(at)).status).toBe(404)
  })

  it('the route opens windows for answers that say nothing, but not against must-revalidate', async () => {
    const at = await stored('max-age=60', path('/grace'))
    bench.always({}, 'broken', 503)
    expect((await bench.get(at)).body.toString()).toBe('old')
    const bound = await stored('max-age=60, must-revalidate', path('/grace'))
    bench.always({}, 'broken', 503)
    expect((await bench.get(bound)).body.toString()).toBe('broken')
  })

  it('what broke off behind its head is not replaced by what is stale', async () => {
    const at = await stored('max-age=60, stale-if-error=1000')
    const big = 300_000
    bench.answers((_, response) => {
      response.writeHead(200, { 'content-length': big })
      response.write(Buffer.alloc(200_000))
      setTimeout(() => response.destroy(), 30)
    })
    await expect(bench.get(at)).rejects.toThrow(/broken off/)
  })

  it('hooks: past the cache, forced, not stored, with a key and a Vary of their own', async () => {
    const at = '/hooks/a'
    const notes = async (headers = {}): Promise<string> => {
      const answer = await bench.get(at, headers)
      return `${verdict(answer)} | ${answer.headers['x-notes']} | ${answer.headers['x-result']}`
    }
    bench.always(FRESH)
    expect(await notes({ 'x-no-cache': '1' })).toBe('fwd=bypass | request | bypass false')
    expect(await notes({ 'x-do-not-store': '1' })).toBe('fwd=uri-miss | request miss response | miss true')
    expect(await notes()).toBe('fwd=uri-miss; stored | request miss response | miss true')
    expect(await notes()).toMatch(/^hit \| request hit-200-\d \| hit false$/)
    expect(await notes({ 'x-device': 'phone' })).toMatch(/^fwd=vary-miss; stored/)
    expect(await notes({ 'x-key': '\u00c3\u00bc' })).toMatch(/^fwd=uri-miss; stored/)
    expect(await notes({ 'x-hit': 'miss' })).toMatch(/^fwd=uri-miss|^fwd=vary-miss/)
    bench.always({
      ...STALE,
      'cache-control': 'max-age=60, stale-if-error=1000, stale-while-revalidate=1000',
    })
    await bench.get(at, { 'x-hit': 'expired' })
    expect(await notes({ 'x-hit': 'fresh' })).toMatch(/^hit/)
    bench.always({}, 'broken', 503)
    expect((await bench.get(at, { 'x-no-stale': '1' })).status).toBe(503)
    expect((await bench.get(at, { 'x-hit': 'expired' })).status).toBe(503)
    const stale = await bench.get(at)
    expect([stale.status, stale.headers['x-result']]).toEqual([200, 'stale true'])
  })

  it('body filters of the upstream come before the store, those of the answer behind it', async () => {
    const body = 'abc'.repeat(50_000)
    bench.always(FRESH, body)
    const miss = await bench.get('/shout/a')
    const hit = await bench.get('/shout/a')
    expect(miss.body.toString() === `${body.toUpperCase()}!`).toBe(true)
    expect(hit.body.equals(miss.body)).toBe(true)
    expect([verdict(hit), bench.asked.length]).toEqual(['hit', 1])
  })
})
