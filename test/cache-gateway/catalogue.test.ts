import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compileFilters } from '../support/compile-filter.js'
import { eventually } from '../support/eventually.js'
import { send } from '../support/http-client.js'
import { RawClient } from '../support/raw-client.js'
import { CacheBench, cacheStatus, verdict } from './support.js'

const FRESH = { 'cache-control': 'max-age=60' }
/** Stale from the moment on that it comes. */
const STALE = { age: '100', etag: '"a"' }
const MISS = 'fwd=uri-miss; stored'
const KIB = 1024

const filters = compileFilters(new URL('./filters/hooks.ts', import.meta.url))
afterAll(() => filters.remove())

describe('rows of the catalogue of caches', () => {
  let bench: CacheBench
  let n = 0
  const path = (folder = ''): string => {
    n += 1
    return `${folder}/c${n}`
  }
  const seen = async (at: string, headers = {}): Promise<string> => verdict(await bench.get(at, headers))
  const asks = (count: number): Promise<void> =>
    eventually(`the origin has ${count} requests`, () => bench.asked.length === count)

  beforeAll(async () => {
    bench = await CacheBench.start(undefined, {
      routes: [
        { match: { path: '/alone/*' }, upstream: 'app', cache: { lock: false } },
        {
          match: { path: '/bypass/*' },
          upstream: 'app',
          cache: { bypass: { query: { past: true } } },
        },
        { match: { path: '/vary/*' }, upstream: 'app', cache: { vary: { ignore: ['origin', 'x-a'] } } },
        {
          match: { path: '/hooks/*' },
          upstream: 'app',
          cache: { stale: { ifError: '1h' } },
          filters: [filters.path('hooks')],
        },
        { upstream: 'app', cache: true },
      ],
    })
  }, 60_000)
  afterAll(() => bench.close())

  it('basic_caching: miss, hit, and stale when its time is over', async () => {
    bench.always({ 'cache-control': 'max-age=60', age: '59' })
    const at = path()
    expect([await seen(at), await seen(at)]).toEqual([MISS, 'hit'])
    await eventually('its time is over', async () => (await seen(at)) === 'fwd=stale; stored')
  })

  it('cache_http10: an answer of HTTP/1.0 that ends with its connection is stored whole', async () => {
    bench.answers((asked) => void asked.socket.end('HTTP/1.0 200 OK\r\nCache-Control: max-age=60\r\n\r\nold'))
    const at = path()
    expect([await seen(at), await seen(at)]).toEqual([MISS, 'hit'])
    expect([(await bench.get(at)).body.toString(), bench.asked.length]).toEqual(['old', 1])
  })

  it('cache_premature_end: a chunked answer without its end is not stored', async () => {
    bench.answers(
      (asked) =>
        void asked.socket.end(
          'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
        ),
    )
    const at = path()
    expect((await send(bench.gateway.port, at)).kind).toBe('broken-off')
    bench.always(FRESH)
    expect(await seen(at)).toBe(MISS)
  })

  it('force_miss_stale: what a filter takes for missing is not served in the place of an error either', async () => {
    const at = path('/hooks')
    bench.always({ ...STALE, ...FRESH })
    await bench.get(at)
    bench.always({}, 'broken', 503)
    expect((await bench.get(at, { 'x-hit': 'miss' })).status).toBe(503)
    expect((await bench.get(at)).status).toBe(200)
  })

  it('force_fresh: what a filter takes for fresh is a hit after its time', async () => {
    const at = path('/hooks')
    bench.always({ ...STALE, ...FRESH })
    await bench.get(at)
    expect([await seen(at, { 'x-hit': 'fresh' }), bench.asked.length]).toEqual(['hit', 1])
  })

  it('bypassed_304 and bypassed_uncacheable_304: conditions pass where nothing can be stored, and so does 304', async () => {
    const at = path()
    bench.always({ 'cache-control': 'no-store', etag: '"a"' })
    await bench.get(at)
    bench.always({ 'cache-control': 'no-store', etag: '"a"' }, '', 304)
    expect((await bench.get(at, { 'if-none-match': '"a"' })).status).toBe(304)
    expect(bench.asked[0]?.headers['if-none-match']).toBe('"a"')
    bench.always({ ...FRESH, etag: '"a"' }, '', 304)
    expect((await bench.get(at, { 'if-none-match': '"a"' })).status).toBe(304)
    bench.always({ ...FRESH, etag: '"a"' })
    // A 304 brings no body: not before the whole has come is there anything to serve.
    expect([await seen(at), await seen(at)]).toEqual([MISS, 'hit'])
  })

  it('bypassed_head: a HEAD where nothing can be stored stays one, and stores nothing', async () => {
    const at = path()
    bench.always({ 'cache-control': 'no-store' })
    await bench.get(at)
    bench.always({ ...FRESH, 'content-length': 4 }, '')
    expect((await bench.get(at, {}, { method: 'HEAD' })).status).toBe(200)
    expect(bench.asked[0]?.method).toBe('HEAD')
    bench.always(FRESH)
    expect([await seen(at), await seen(at)]).toEqual([MISS, 'hit'])
  })

  it('cache_max_file_size_range: of what is too large a range is asked of the origin the next time', async () => {
    const at = path()
    const body = Buffer.alloc(5 * KIB * KIB, 'x')
    bench.answers((asked, response) => {
      if (asked.headers.range === 'bytes=0-1') {
        const range = { 'content-range': `bytes 0-1/${body.length}`, 'content-length': 2 }
        response.writeHead(206, { ...FRESH, ...range }).end('xx')
      } else response.writeHead(200, { ...FRESH, 'content-length': body.length }).end(body)
    })
    expect((await bench.get(at, { range: 'bytes=0-1' })).status).toBe(200)
    const ranged = await bench.get(at, { range: 'bytes=0-1' })
    expect([ranged.status, ranged.body.toString()]).toEqual([206, 'xx'])
  })

  it('cache_lock_expired: of many who find it stale one asks, and all get what that brings', async () => {
    const at = path()
    bench.always({ ...STALE, ...FRESH }, 'old')
    await bench.get(at)
    let answer: () => void = () => undefined
    bench.answers((_, response) => {
      answer = () => void response.writeHead(200, { ...FRESH, 'content-length': 3 }).end('new')
    })
    const many = Array.from({ length: 20 }, () => bench.get(at))
    await eventually('they wait', () => bench.gateway.stats.inFlight === 20 && bench.asked.length === 1)
    answer()
    for (const got of await Promise.all(many)) expect(got.body.toString()).toBe('new')
    expect(bench.asked).toHaveLength(1)
  })

  it('streaming_multiple_writers: two that fetch the same at once do not mix', async () => {
    const at = path('/alone')
    const ends: (() => void)[] = []
    bench.answers((_, response) => {
      const text = ends.length === 0 ? 'aaaa' : 'bbbb'
      response.writeHead(200, { ...FRESH, 'content-length': 8 })
      response.write(text)
      ends.push(() => response.end(text))
    })
    const first = bench.get(at)
    await asks(1)
    const second = bench.get(at)
    await asks(2)
    for (const end of ends) end()
    expect((await first).body.toString()).toBe('aaaaaaaa')
    expect((await second).body.toString()).toBe('bbbbbbbb')
    const hit = await bench.get(at)
    expect(['aaaaaaaa', 'bbbbbbbb']).toContain(hit.body.toString())
    expect([verdict(hit), bench.asked.length]).toEqual(['hit', 2])
  })

  it('caching_when_downstream_bails_uncacheable: what nobody stores ends with its client', async () => {
    const at = path()
    let isCut = false
    bench.answers((_, response) => {
      response.on('close', () => {
        isCut = !response.writableFinished
      })
      response.writeHead(200, { 'cache-control': 'no-store', 'content-length': 100_000 })
      response.write('half')
    })
    const leaving = request({ port: bench.gateway.port, path: at, headers: { host: 'example.com' } })
    leaving.on('error', () => undefined)
    const begun = new Promise((resolve) => leaving.once('response', resolve))
    leaving.end()
    await begun
    leaving.destroy()
    await eventually('the origin is let go', () => isCut)
    bench.always(FRESH)
    expect(await seen(at)).toBe(MISS)
  })

  it('downstream_head_miss_conn_close: a HEAD whose client closes fetches the whole for others', async () => {
    const at = path()
    bench.always({ ...FRESH, etag: '"a"' }, 'hello')
    const head = await bench.get(at, { connection: 'close' }, { method: 'HEAD' })
    expect([head.status, head.headers['content-length']]).toEqual([200, '5'])
    await eventually('it is stored', async () => (await seen(at)) === 'hit')
    expect([(await bench.get(at)).body.toString(), bench.asked.length]).toEqual(['hello', 1])
  })

  it('range_request and single_then_multipart: of what is stored, one or several, also when it had to be asked for anew', async () => {
    const at = path()
    bench.always({ ...STALE, ...FRESH }, '0123456789')
    await bench.get(at)
    bench.always({ ...FRESH, etag: '"b"' }, 'abcdefghij')
    const expired = await bench.get(at, { range: 'bytes=1-2' })
    expect([expired.status, expired.body.toString()]).toEqual([206, 'bc'])
    expect(cacheStatus(expired)).toContain('fwd=stale')
    await eventually('it is stored', async () => (await seen(at)) === 'hit')
    const single = await bench.get(at, { range: 'bytes=0-0' })
    const several = await bench.get(at, { range: 'bytes=0-0,9-9' })
    const again = await bench.get(at, { range: 'bytes=9-' })
    expect([single.body.toString(), again.body.toString()]).toEqual(['a', 'j'])
    const parts = /bytes 0-0\/10\r\n\r\na\r\n[\s\S]*bytes 9-9\/10\r\n\r\nj\r\n/
    expect(several.body.toString()).toMatch(parts)
    expect(bench.asked).toHaveLength(1)
    const missed = await bench.get(path(), { range: 'bytes=0-0,9-9' })
    expect([missed.status, verdict(missed)]).toEqual([206, MISS])
    expect(missed.body.toString()).toMatch(parts)
  })

  it('cache_bypass_downstream_range: past the cache a range is the business of the origin', async () => {
    bench.always({ ...FRESH, 'content-range': 'bytes 0-1/10' }, '01', 206)
    const at = `${path('/bypass')}?past=1`
    const answer = await bench.get(at, { range: 'bytes=0-1' })
    expect([answer.status, verdict(answer)]).toEqual([206, 'fwd=bypass'])
    expect(bench.asked[0]?.headers.range).toBe('bytes=0-1')
  })

  it('vary_some_ignored and dup_header_some_ignored: over several lines, and not by what the route overlooks', async () => {
    bench.answers((asked, response) => {
      response.setHeader('vary', ['X-A, Accept-Language', 'Origin', 'X-B'])
      response.writeHead(200, FRESH)
      response.end(`${asked.headers['accept-language']} ${asked.headers['x-b']}`)
    })
    const at = path('/vary')
    expect(await seen(at, { 'accept-language': 'de', 'x-b': '1', origin: 'x' })).toBe(MISS)
    expect(await seen(at, { 'accept-language': 'de', 'x-b': '1', origin: 'y', 'x-a': '2' })).toBe('hit')
    expect(await seen(at, { 'accept-language': 'fr', 'x-b': '1' })).toBe('fwd=vary-miss; stored')
    expect(await seen(at, { 'accept-language': 'de', 'x-b': '2' })).toBe('fwd=vary-miss; stored')
    expect((await bench.get(at, { 'accept-language': 'fr', 'x-b': '1' })).body.toString()).toBe('fr 1')
  })

  it('cache_downstream_compression: what comes coded is stored so, and goes to those alone who take it', async () => {
    bench.answers((asked, response) => {
      const isCoded = String(asked.headers['accept-encoding']).includes('gzip')
      response.writeHead(200, {
        ...FRESH,
        vary: 'accept-encoding',
        ...(isCoded && { 'content-encoding': 'gzip' }),
      })
      response.end(isCoded ? 'coded' : 'plain')
    })
    const at = path()
    const got = async (coding: string): Promise<readonly unknown[]> => {
      const answer = await bench.get(at, { 'accept-encoding': coding })
      return [verdict(answer), answer.headers['content-encoding'], answer.body.toString()]
    }
    expect(await got('gzip')).toEqual([MISS, 'gzip', 'coded'])
    expect(await got('identity')).toEqual(['fwd=vary-miss; stored', undefined, 'plain'])
    expect(await got('gzip')).toEqual(['hit', 'gzip', 'coded'])
    expect(await got('identity')).toEqual(['hit', undefined, 'plain'])
  })
})

it('eviction: what is asked for again stays, the others make room; an answer that was evicted is fetched anew', async () => {
  const bench = await CacheBench.start(true, { cache: { size: '1MiB', maxEntrySize: '256KiB' } })
  try {
    bench.always(FRESH, 'x'.repeat(50 * KIB))
    await bench.get('/kept')
    for (let i = 0; i < 60; i += 1) {
      expect((await bench.get(`/e${i}`)).body.length).toBe(50 * KIB)
      await bench.get('/kept')
    }
    expect(verdict(await bench.get('/kept'))).toBe('hit')
    expect(verdict(await bench.get('/e59'))).toBe('hit')
    expect(verdict(await bench.get('/e0'))).toBe(MISS)
    // The first of each and the one that was evicted.
    expect(bench.asked).toHaveLength(62)
  } finally {
    await bench.close()
  }
}, 30_000)

it('cache_websocket_101: what is switched to another protocol goes past the cache', async () => {
  const bench = await CacheBench.start(true, { acceptor: 'node' }, { upgrades: ['echo/1'] })
  try {
    bench.answers(
      (asked) =>
        void asked.socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\nCache-Control: max-age=60\r\n\r\nhi',
        ),
    )
    for (let i = 1; i <= 2; i += 1) {
      const client = await RawClient.connect(bench.gateway.port)
      await client.send(
        'GET /ws/a HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\n',
      )
      expect(await client.until(() => client.text.includes('hi'))).toBe(true)
      expect(client.text).toMatch(/^HTTP\/1\.1 101 /)
      client.destroy()
      expect(bench.asked).toHaveLength(i)
    }
    bench.always(FRESH)
    expect(verdict(await bench.get('/ws/a'))).toBe(MISS)
  } finally {
    await bench.close()
  }
}, 30_000)
