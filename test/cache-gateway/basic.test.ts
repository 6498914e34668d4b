import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { fetchAnswer, type HttpRequest, send } from '../support/http-client.js'
import { CacheBench, cacheStatus, verdict } from './support.js'

conserved()

const FRESH = { 'cache-control': 'max-age=60' }
/** Stale from the moment on that it comes. */
const STALE = { age: '100' }
const MODIFIED = 'Thu, 15 Jan 2026 11:00:00 GMT'

describe.each(ACCEPTOR_KINDS)('a cache over %s', (acceptor) => {
  let bench: CacheBench
  let admin = 0
  let n = 0
  const path = (): string => {
    n += 1
    return `/p${n}`
  }
  const admins = async (method: string, target: string): Promise<{ status: number; body: string }> => {
    const answer = await fetchAnswer(admin, target, { method, headers: { host: 'localhost' } })
    return { status: answer.status, body: answer.body.toString() }
  }

  beforeAll(async () => {
    bench = await CacheBench.start(undefined, {
      acceptor,
      admin: '127.0.0.1:0',
      routes: [
        {
          match: { path: '/keys/*' },
          upstream: 'app',
          cache: {
            keys: { query: { only: ['id', 'b'] }, sortQuery: true, headers: ['X-T'], cookies: ['s'] },
          },
        },
        { match: { path: '/ttl/*' }, upstream: 'app', cache: { ttl: { '200': '1m', '5xx': '2s' } } },
        {
          match: { path: '/vary/*' },
          upstream: 'app',
          cache: { vary: { allow: ['accept-encoding'], ignore: ['origin'] }, showKey: true },
        },
        {
          match: { path: '/bypass/*' },
          upstream: 'app',
          cache: { bypass: { cookies: { session: true }, query: { preview: '1' } }, methods: ['GET'] },
        },
        { match: { path: '/ignore/*' }, upstream: 'app', cache: { requestControl: 'ignore' } },
        { match: { path: '/off/*' }, upstream: 'app' },
        { upstream: 'app', cache: true },
      ],
    })
    admin = bench.gateway.gateway.admin?.port ?? 0
  }, 60_000)
  afterAll(() => bench.close())

  it('A-48 A-49 F-33 a miss is stored, a hit serves the stored status, fields and body without the upstream', async () => {
    bench.always({ ...FRESH, 'content-type': 'text/x', 'x-a': '1' }, 'hello', 203)
    const at = path()
    const miss = await bench.get(at)
    expect([miss.status, miss.body.toString(), miss.headers['x-a'], verdict(miss)]).toEqual([
      203,
      'hello',
      '1',
      'fwd=uri-miss; stored',
    ])
    const hit = await bench.get(at)
    expect([hit.status, hit.body.toString(), hit.headers['x-a'], verdict(hit)]).toEqual([
      203,
      'hello',
      '1',
      'hit',
    ])
    expect([hit.headers['content-length'], hit.headers['age']]).toEqual([
      '5',
      expect.stringMatching(/^[01]$/),
    ])
    expect(Number(/ttl=(\d+)/.exec(cacheStatus(hit))?.[1])).toBeGreaterThanOrEqual(50)
    expect(bench.asked).toHaveLength(1)
  })

  it('F-52 A-52 nothing is stored that does not say how long it is fresh, nor on a route without cache', async () => {
    bench.always({})
    const at = path()
    expect([verdict(await bench.get(at)), verdict(await bench.get(at))]).toEqual([
      'fwd=uri-miss',
      'fwd=uri-miss',
    ])
    bench.always(FRESH)
    expect((await bench.get('/off/a')).headers['cache-status']).toBeUndefined()
    expect((await bench.get('/off/a')).headers['age']).toBeUndefined()
    expect(bench.asked).toHaveLength(2)
  })

  it('the Age of the origin and its Date count: what comes old is old', async () => {
    bench.always({ ...FRESH, age: '20', date: new Date(Date.now() - 30_000).toUTCString() })
    const at = path()
    expect((await bench.get(at)).headers['age']).toBe('20')
    expect(Number((await bench.get(at)).headers['age'])).toBeGreaterThanOrEqual(29)
    bench.always({ ...FRESH, ...STALE })
    const stale = path()
    await bench.get(stale)
    expect(bench.asked).toHaveLength(1)
    await bench.get(stale)
    expect(bench.asked).toHaveLength(2)
  })

  it('large and small bodies, of known and unknown length, come whole out of the cache', async () => {
    for (const [size, chunked] of [
      [0, false],
      [1, true],
      [100_000, false],
      [100_001, true],
      [3_000_000, false],
      [3_000_001, true],
    ] as const) {
      const body = Buffer.alloc(size, 'abcdefg')
      bench.answers((_, response) => {
        response.writeHead(200, chunked ? FRESH : { ...FRESH, 'content-length': size })
        if (chunked) response.write(body.subarray(0, size / 2))
        response.end(chunked ? body.subarray(size / 2) : body)
      })
      const at = path()
      const miss = await bench.get(at)
      const hit = await bench.get(at)
      expect([miss.body.equals(body), hit.body.equals(body), verdict(hit)]).toEqual([true, true, 'hit'])
    }
  })

  it('cache_miss_convert: conditions and ranges are kept from the origin of what is stored', async () => {
    bench.always(FRESH, '0123456789')
    const answer = await bench.get(path(), {
      'if-none-match': '"x"',
      'if-modified-since': MODIFIED,
      range: 'bytes=2-3',
      'if-range': '"y"',
    })
    expect(Object.keys(bench.asked[0]?.headers ?? {}).filter((name) => /^(if-|range)/.test(name))).toEqual([])
    expect([answer.status, answer.body.toString()]).toEqual([200, '0123456789'])
  })

  it('downstream_head: a HEAD fetches the whole for all, and is served from it', async () => {
    bench.always({ ...FRESH, etag: '"a"' }, 'hello')
    const at = path()
    const miss = await bench.get(at, {}, { method: 'HEAD' })
    expect([miss.status, miss.headers['content-length'], bench.asked[0]?.method]).toEqual([200, '5', 'GET'])
    await eventually('it is stored', async () => verdict(await bench.get(at)) === 'hit')
    const hit = await bench.get(at, {}, { method: 'HEAD' })
    expect([hit.status, hit.headers['content-length'], verdict(hit)]).toEqual([200, '5', 'hit'])
    expect(bench.asked).toHaveLength(1)
  })

  it('RFC 9111 §4.3.5 a HEAD validates what is stale, or shows that it is of the past', async () => {
    const at = path()
    bench.always({ ...FRESH, ...STALE, etag: '"a"' }, 'hello')
    await bench.get(at)
    bench.always({ ...FRESH, etag: '"a"', 'x-new': '1' }, 'hello')
    expect((await bench.get(at, {}, { method: 'HEAD' })).status).toBe(200)
    expect(bench.asked.map(({ method }) => method)).toEqual(['HEAD'])
    const hit = await bench.get(at)
    expect([verdict(hit), hit.headers['x-new'], hit.body.toString()]).toEqual(['hit', '1', 'hello'])
    const other = path()
    bench.always({ ...FRESH, ...STALE, etag: '"a"' }, 'hello')
    await bench.get(other)
    bench.always({ ...FRESH, etag: '"b"' }, 'other!')
    expect((await bench.get(other, {}, { method: 'HEAD' })).headers['content-length']).toBe('6')
    expect((await bench.get(other)).body.toString()).toBe('other!')
  })

  it('revalidation: 304 renews what is stored, adds its fields, and the client gets all of it', async () => {
    const at = path()
    bench.always({ ...FRESH, ...STALE, etag: '"a"', 'last-modified': MODIFIED, 'x-old': '1' }, 'hello')
    await bench.get(at)
    bench.always({ ...FRESH, etag: '"a"', 'x-new': '2' }, '', 304)
    const renewed = await bench.get(at)
    expect([
      renewed.status,
      renewed.body.toString(),
      renewed.headers['x-old'],
      renewed.headers['x-new'],
    ]).toEqual([200, 'hello', '1', '2'])
    expect(cacheStatus(renewed)).toMatch(/^headgate; fwd=stale; fwd-status=304/)
    expect(bench.asked[0]?.headers).toMatchObject({ 'if-none-match': '"a"', 'if-modified-since': MODIFIED })
    const hit = await bench.get(at)
    expect([verdict(hit), hit.headers['x-new'], bench.asked.length]).toEqual(['hit', '2', 1])
  })

  it('a 304 that speaks of something else is not taken for an answer', async () => {
    const at = path()
    bench.always({ ...FRESH, ...STALE, etag: '"a"' }, 'old')
    await bench.get(at)
    bench.answers((asked, response) => {
      const isConditional = asked.headers['if-none-match'] !== undefined
      response.writeHead(isConditional ? 304 : 200, { ...FRESH, etag: '"b"' })
      response.end(isConditional ? undefined : 'new')
    })
    expect((await bench.get(at)).body.toString()).toBe('new')
    expect(bench.asked).toHaveLength(2)
  })

  it('a client that has it gets 304, on a miss, on a hit and behind a validation', async () => {
    const at = path()
    bench.always(
      { ...FRESH, ...STALE, etag: '"a"', 'last-modified': MODIFIED, 'content-type': 'x/y' },
      'hello',
    )
    const miss = await bench.get(at, { 'if-none-match': 'W/"a"' })
    expect([miss.status, miss.body.length, miss.headers['content-type']]).toEqual([304, 0, undefined])
    bench.always({ ...FRESH, etag: '"a"' }, '', 304)
    await eventually('it is stored', async () => (await bench.get(at)).status === 200)
    expect((await bench.get(at, { 'if-modified-since': MODIFIED })).status).toBe(304)
    expect((await bench.get(at, { 'if-none-match': '"b"' })).status).toBe(200)
  })

  it('ranges are cut out of what is stored', async () => {
    const at = path()
    bench.always({ ...FRESH, etag: '"a"', 'content-type': 'text/plain' }, '0123456789')
    const first = await bench.get(at, { range: 'bytes=0-1' })
    expect([first.status, first.body.toString(), first.headers['content-range']]).toEqual([
      206,
      '01',
      'bytes 0-1/10',
    ])
    await eventually('it is stored', async () => verdict(await bench.get(at)) === 'hit')
    const ranged = async (range: string, more = {}): Promise<[number, string]> => {
      const answer = await bench.get(at, { range, ...more })
      return [answer.status, answer.body.toString()]
    }
    expect(await ranged('bytes=-3')).toEqual([206, '789'])
    expect(await ranged('bytes=20-')).toEqual([416, ''])
    expect(await ranged('bytes=4-2')).toEqual([200, '0123456789'])
    expect(await ranged('bytes=0-1', { 'if-range': '"a"' })).toEqual([206, '01'])
    expect(await ranged('bytes=0-1', { 'if-range': '"b"' })).toEqual([200, '0123456789'])
    const multi = await bench.get(at, { range: 'bytes=0-1,8-9' })
    expect(multi.headers['content-type']).toMatch(/^multipart\/byteranges; boundary=/)
    expect(multi.body.toString()).toMatch(
      /bytes 0-1\/10\r\n\r\n01\r\n--\w+\r\n.*\r\n.*bytes 8-9\/10\r\n\r\n89\r\n--\w+--\r\n$/,
    )
    expect(Number(multi.headers['content-length'])).toBe(multi.body.length)
    expect(bench.asked).toHaveLength(1)
  })

  it('B19 a 206 of the origin is never stored', async () => {
    const at = path()
    bench.always({ ...FRESH, 'content-range': 'bytes 0-1/10' }, '01', 206)
    await bench.get(at)
    await bench.get(at)
    expect(bench.asked).toHaveLength(2)
  })

  it('vary: one entry for each variant, in normal form; names that the route ignores or does not allow', async () => {
    bench.answers((asked, response) => {
      const coding = String(asked.headers['accept-encoding'])
      const vary = asked.url === '/vary/no' ? 'Cookie' : 'Accept-Encoding, Origin'
      response.writeHead(200, { ...FRESH, vary })
      response.end(coding)
    })
    const get = (coding: string, more = {}, at = '/vary/a') =>
      bench.get(at, { 'accept-encoding': coding, ...more })
    expect(verdict(await get('gzip, br'))).toBe('fwd=uri-miss; stored')
    expect(verdict(await get('BR,gzip', { origin: 'x' }))).toBe('hit')
    expect(verdict(await get('gzip'))).toBe('fwd=vary-miss; stored')
    const hit = await get('gzip')
    expect([verdict(hit), hit.body.toString()]).toEqual(['hit', 'gzip'])
    expect((await get('br, gzip')).body.toString()).toBe('gzip, br')
    expect(cacheStatus(hit)).toContain('key="http://example.com/vary/a?')
    await get('x', {}, '/vary/no')
    expect(verdict(await get('x', {}, '/vary/no'))).toBe('fwd=uri-miss')
    expect(await admins('POST', '/cache/purge?url=http://example.com/vary/a')).toEqual({
      status: 200,
      body: '{\n  "purged": 3\n}\n',
    })
    expect(verdict(await get('gzip'))).toBe('fwd=uri-miss; stored')
  })

  it('keys: listed parameters in any order, fields and cookies; the host always', async () => {
    bench.always(FRESH)
    const seen = async (target: string, headers = {}): Promise<string> =>
      verdict(await bench.get(target, headers))
    expect(await seen('/keys/a?id=1&b=2&utm=x')).toBe('fwd=uri-miss; stored')
    expect(await seen('/keys/a?b=2&id=1')).toBe('hit')
    expect(await seen('/keys/a?b=2&id=2')).toBe('fwd=uri-miss; stored')
    expect(await seen('/keys/a?b=2&id=1', { 'x-t': 'a' })).toBe('fwd=uri-miss; stored')
    expect(await seen('/keys/a?b=2&id=1', { cookie: 'z=1; s=a' })).toBe('fwd=uri-miss; stored')
    expect(await seen('/keys/a?b=2&id=1', { cookie: 's=a' })).toBe('hit')
    expect(await seen('/keys/a?b=2&id=1', { host: 'other.com' })).toBe('fwd=uri-miss; stored')
    expect(await seen('/keys/a?b=2&id=1', { host: 'EXAMPLE.com:80' })).toBe('hit')
  })

  it('RFC 9111 §4.4 an unsafe method invalidates its URL, Location and Content-Location', async () => {
    bench.always(FRESH)
    const warm = async (...targets: string[]): Promise<void> => {
      for (const target of targets) await bench.get(target)
    }
    const state = async (target: string): Promise<boolean> => verdict(await bench.get(target)) === 'hit'
    await warm('/i/a', '/i/b', '/i/c', '/keys/i?id=1')
    bench.always({}, '', 400)
    await bench.get('/i/a', {}, { method: 'POST' })
    bench.always({ ...FRESH, location: '/i/b', 'content-location': 'http://evil.com/i/c' })
    expect(await state('/i/a')).toBe(true)
    expect(verdict(await bench.get('/i/a', {}, { method: 'POST' }))).toBe('fwd=method')
    await bench.get('/keys/i?id=1', {}, { method: 'DELETE' })
    expect([
      await state('/i/a'),
      await state('/i/b'),
      await state('/i/c'),
      await state('/keys/i?id=1'),
    ]).toEqual([false, false, true, false])
  })

  it('RFC 9111 §5.2.1 what a client says in Cache-Control counts, unless the route ignores it', async () => {
    bench.always({ ...FRESH, etag: '"a"' })
    const at = path()
    const only = await send(bench.gateway.port, at, { headers: { 'cache-control': 'only-if-cached' } })
    expect(only.status).toBe(504)
    expect(verdict(await bench.get(at, { 'cache-control': 'no-store' }))).toBe('fwd=request')
    expect(verdict(await bench.get(at))).toBe('fwd=uri-miss; stored')
    expect(verdict(await bench.get(at, { 'cache-control': 'only-if-cached' }))).toBe('hit')
    expect(verdict(await bench.get(at, { 'cache-control': 'no-cache' }))).toBe('fwd=request; stored')
    expect(verdict(await bench.get(at, { 'cache-control': 'min-fresh=90' }))).toBe('fwd=request; stored')
    expect(verdict(await bench.get(at, { pragma: 'no-cache' }))).toBe('fwd=request; stored')
    await bench.get('/ignore/a')
    expect(verdict(await bench.get('/ignore/a', { 'cache-control': 'no-cache' }))).toBe('hit')
  })

  it.each(['max-age=0', 'no-cache', 'no-store', 'min-fresh=90'])(
    'RFC 9111 §5.2.1.7 only-if-cached never reaches the origin, nor does it with %s',
    async (other) => {
      bench.always({ ...FRESH, etag: '"a"' })
      const at = path()
      const ask = async (request: HttpRequest = {}) =>
        (await bench.get(at, { 'cache-control': `only-if-cached, ${other}` }, request)).status
      expect(await ask()).toBe(504)
      expect(bench.asked).toHaveLength(0)
      await bench.get(at)
      // What is stored does not satisfy the other directive.
      expect(await ask()).toBe(504)
      expect(await ask({ method: 'HEAD' })).toBe(504)
      expect(await ask({ method: 'POST', body: 'text' })).toBe(504)
      expect(bench.asked).toHaveLength(1)
      expect(verdict(await bench.get(at))).toBe('hit')
    },
  )

  it('A-51 requests that the route lets go past the cache are neither served from it nor stored', async () => {
    bench.always(FRESH)
    expect(verdict(await bench.get('/bypass/a', { cookie: 'session=1' }))).toBe('fwd=bypass')
    expect(verdict(await bench.get('/bypass/a'))).toBe('fwd=uri-miss; stored')
    expect(verdict(await bench.get('/bypass/a', { cookie: 'session=1' }))).toBe('fwd=bypass')
    expect(verdict(await bench.get('/bypass/a?preview=1'))).toBe('fwd=bypass')
    expect(verdict(await bench.get('/bypass/a', {}, { method: 'HEAD' }))).toBe('fwd=method')
  })

  it('F-33 B19 nothing private is stored: Set-Cookie, Authorization, a GET with a body', async () => {
    bench.always({ ...FRESH, 'set-cookie': 'id=1' })
    const at = path()
    await bench.get(at)
    expect(verdict(await bench.get(at))).toBe('fwd=uri-miss')
    bench.always(FRESH)
    const secret = path()
    expect(verdict(await bench.get(secret, { authorization: 'x' }))).toBe('fwd=uri-miss')
    expect(verdict(await bench.get(secret))).toBe('fwd=uri-miss; stored')
    expect(verdict(await bench.get(secret, { authorization: 'x' }))).toBe('fwd=uri-miss')
    bench.always({ 'cache-control': 'max-age=60, public' })
    const open = path()
    await bench.get(open, { authorization: 'x' })
    expect(verdict(await bench.get(open, { authorization: 'y' }))).toBe('hit')
    expect(verdict(await bench.get(open, { 'content-length': 3 }, { body: 'fat' }))).toBe('fwd=bypass')
  })

  it('B19 fields that no key holds are kept from the origin, but for what the key implies', async () => {
    bench.always(FRESH)
    const forged = {
      'x-original-url': '/admin',
      'x-http-method-override': 'DELETE',
      'x-forwarded-server': 'evil',
    }
    await bench.get(path(), forged)
    const [asked] = bench.asked
    const told = Object.keys(asked?.headers ?? {}).filter((name) => /^x-|forwarded/.test(name))
    expect(told.sort()).toEqual(['x-forwarded-host', 'x-forwarded-proto', 'x-request-id'])
    expect(asked?.headers['x-forwarded-host']).toBe('example.com')
    bench.always(FRESH)
    await bench.get('/off/b', forged)
    expect(bench.asked[0]?.headers['x-forwarded-for']).toBe('127.0.0.1')
  })

  it('lifetimes of the route, by status', async () => {
    bench.always({})
    await bench.get('/ttl/a')
    expect(verdict(await bench.get('/ttl/a'))).toBe('hit')
    bench.always({}, '', 503)
    await bench.get('/ttl/b')
    expect(verdict(await bench.get('/ttl/b'))).toBe('hit')
    bench.always({}, '', 404)
    await bench.get('/ttl/c')
    expect(verdict(await bench.get('/ttl/c'))).toBe('fwd=uri-miss')
  })

  it('A5 network_error_mid_response: what breaks off is not stored', async () => {
    const at = path()
    bench.answers((_, response) => {
      response.writeHead(200, { ...FRESH, 'content-length': 100 })
      response.write('half')
      setTimeout(() => response.destroy(), 20)
    })
    for (let i = 0; i < 2; i += 1) expect((await send(bench.gateway.port, at)).kind).toBe('broken-off')
    expect(bench.asked).toHaveLength(2)
  })

  it('1xx_caching: an interim answer is passed on and not stored', async () => {
    const at = path()
    bench.answers((_, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' })
      response.writeHead(200, { ...FRESH, 'content-length': 2 })
      response.end('ok')
    })
    const asked = async (): Promise<[number, number]> => {
      let hints = 0
      const status = await new Promise<number>((resolve, reject) => {
        const sent = request(
          { port: bench.gateway.port, path: at, headers: { host: 'example.com' } },
          (answer) => {
            answer.resume()
            answer.on('end', () => resolve(answer.statusCode ?? 0))
          },
        )
        sent.on('information', () => {
          hints += 1
        })
        sent.on('error', reject)
        sent.end()
      })
      return [status, hints]
    }
    const first = await asked()
    expect(first[0]).toBe(200)
    expect(await asked()).toEqual([200, 0])
    expect(bench.asked).toHaveLength(1)
  })

  it('max_file_size: what is too large reaches its client whole and is not stored', async () => {
    const body = Buffer.alloc(5 * 1024 * 1024, 'x')
    for (const chunked of [false, true]) {
      const at = path()
      bench.answers((_, response) => {
        response.writeHead(200, chunked ? FRESH : { ...FRESH, 'content-length': body.length })
        response.end(body)
      })
      for (let i = 0; i < 2; i += 1) expect((await bench.get(at)).body.length).toBe(body.length)
      expect(bench.asked).toHaveLength(2)
    }
  })

  it('bypassed_became_cacheable: what was not cacheable is stored as soon as it is', async () => {
    const at = path()
    bench.always({ 'cache-control': 'no-store' })
    await bench.get(at)
    bench.always(FRESH)
    expect(verdict(await bench.get(at))).toBe('fwd=uri-miss; stored')
    expect(verdict(await bench.get(at))).toBe('hit')
  })

  it('caching_when_downstream_bails: a client that leaves, or does not read, does not keep it from being stored', async () => {
    const at = path()
    let finish: () => void = () => undefined
    const body = Buffer.alloc(2_000_000, 'y')
    bench.answers((_, response) => {
      response.writeHead(200, { ...FRESH, 'content-length': body.length })
      response.write(body.subarray(0, 1000))
      finish = () => response.end(body.subarray(1000))
    })
    const leaving = request({ port: bench.gateway.port, path: at, headers: { host: 'example.com' } })
    leaving.on('error', () => undefined)
    const begun = new Promise((resolve) => leaving.once('response', resolve))
    leaving.end()
    await begun
    // Another, who takes the head and nothing else.
    const stalled = request({ port: bench.gateway.port, path: at, headers: { host: 'example.com' } })
    stalled.on('error', () => undefined)
    const stalledHead = new Promise((resolve) =>
      stalled.once('response', (answer) => resolve(answer.pause())),
    )
    stalled.end()
    await stalledHead
    leaving.destroy()
    finish()
    const late = await bench.get(at)
    expect([late.body.equals(body), bench.asked.length]).toEqual([true, 1])
    stalled.destroy()
  })

  it('C-20 purge: by URL, prefix and tag, hard and soft; other methods and origins may not', async () => {
    bench.always({ ...FRESH, etag: '"a"', 'cache-tag': 'red, blue' })
    const warm = async (): Promise<void> => {
      for (const target of ['/purge/a', '/purge/b?x=1', '/purge/b?x=2']) await bench.get(target)
    }
    await warm()
    expect((await admins('GET', '/cache/purge?tag=red')).status).toBe(405)
    expect((await admins('POST', '/cache/purge')).status).toBe(400)
    expect((await admins('POST', '/cache/purge?url=/purge/a')).status).toBe(400)
    const url = encodeURIComponent('http://example.com/purge/b?x=1')
    expect(await admins('POST', `/cache/purge?url=${url}`)).toEqual({
      status: 200,
      body: '{\n  "purged": 1\n}\n',
    })
    expect((await admins('POST', `/cache/purge?url=${url}`)).body).toBe('{\n  "purged": 0\n}\n')
    expect(verdict(await bench.get('/purge/b?x=2'))).toBe('hit')
    expect(verdict(await bench.get('/purge/b?x=1'))).toBe('fwd=uri-miss; stored')
    expect((await admins('POST', '/cache/purge?prefix=http://example.com/purge/')).body).toBe(
      '{\n  "purged": 3\n}\n',
    )
    await warm()
    expect((await admins('POST', '/cache/purge?tag=red&soft')).body).toBe('{\n  "purged": 3\n}\n')
    bench.always({ ...FRESH, etag: '"a"' }, '', 304)
    expect(cacheStatus(await bench.get('/purge/a'))).toMatch(/fwd=stale; fwd-status=304/)
    const { body } = await admins('GET', '/cache')
    const stats = JSON.parse(body) as {
      store: { entries: number }
      routes: { route: string; hits: number }[]
    }
    expect(stats.store.entries).toBeGreaterThan(0)
    expect(stats.routes.find(({ route }) => route === '/*')?.hits).toBeGreaterThan(0)
  })
})
