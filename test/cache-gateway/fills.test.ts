import { once } from 'node:events'
import { request } from 'node:http'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { compileFilters } from '../support/compile-filter.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'
import { CacheBench, verdict } from './support.js'

conserved()

const FRESH = { 'cache-control': 'max-age=60' }
const MISS = 'fwd=uri-miss; stored'
const TEXT = 'text that repeats itself. '.repeat(200)

const filters = compileFilters(new URL('./filters/shout.ts', import.meta.url))
afterAll(() => filters.remove())

/** Runs with a cache of its own. */
async function withBench(
  route: Parameters<typeof CacheBench.start>[2],
  run: (bench: CacheBench, asks: (count: number) => Promise<void>) => Promise<void>,
): Promise<void> {
  const bench = await CacheBench.start(true, {}, route)
  try {
    await run(bench, (count) =>
      eventually(`the origin has ${count} requests`, () => bench.asked.length === count),
    )
  } finally {
    await bench.close()
  }
}

/** A client that leaves when it has the head of its answer, or as soon as `when` settles. */
async function leave(bench: CacheBench, at: string, when?: Promise<void>): Promise<void> {
  const leaving = request({ port: bench.gateway.port, path: at, headers: { host: 'example.com' } })
  leaving.on('error', () => undefined)
  leaving.end()
  await (when ?? once(leaving, 'response'))
  leaving.destroy()
}

describe('an answer of unknown length that is being fetched', () => {
  it('comes whole to all from one request; what grows too large meanwhile comes whole to each, from the origin', async () => {
    await withBench({}, async (bench, asks) => {
      const large = Buffer.alloc(5 * 1024 * 1024, 'x')
      for (const body of [Buffer.from('whole'), large]) {
        const at = `/${body.length}`
        const ends: (() => void)[] = []
        bench.answers((_, response) => {
          response.writeHead(200, FRESH)
          response.write(body.subarray(0, 2))
          ends.push(() => response.end(body.subarray(2)))
        })
        const answers = [bench.get(at), bench.get(at)]
        await asks(1)
        await eventually('both are there', () => bench.gateway.stats.inFlight === 2)
        ends.shift()?.()
        if (body === large) {
          await asks(2)
          ends.shift()?.()
        }
        const bodies = await Promise.all(answers.map(async (answer) => (await answer).body))
        expect(bodies.map((got) => got.equals(body))).toEqual([true, true])
        expect(bench.asked).toHaveLength(body === large ? 2 : 1)
      }
    })
  }, 30_000)
})

describe('a client that leaves', () => {
  it('caching_when_downstream_bails: behind the head the fetch goes on for others', async () => {
    await withBench({}, async (bench, asks) => {
      let finish: () => void = () => undefined
      bench.answers((_, response) => {
        response.writeHead(200, { ...FRESH, 'content-length': 8 })
        response.write('half')
        finish = () => response.end('rest')
      })
      await leave(bench, '/a')
      await eventually('it has left', () => bench.gateway.stats.inFlight === 0)
      finish()
      await asks(1)
      await eventually('it is stored', async () => verdict(await bench.get('/a')) === 'hit')
      expect(bench.asked).toHaveLength(1)
    })
  })

  it.each([
    ['caching_when_downstream_bails_header', FRESH],
    ['caching_when_downstream_bails_header_uncacheable', { 'cache-control': 'no-store' }],
  ])('%s: before the head nobody knows what comes, and the origin is let go', async (_, headers) => {
    await withBench({}, async (bench, asks) => {
      let isCut = false
      bench.answers((__, response) => void response.on('close', () => (isCut = true)))
      await leave(bench, '/b', asks(1))
      await eventually('the origin is let go', () => isCut)
      bench.always(headers)
      expect(verdict(await bench.get('/b'))).toBe(headers === FRESH ? MISS : 'fwd=uri-miss')
      expect(bench.asked).toHaveLength(1)
    })
  })

  it('ends a fetch whose body filters of its session change: nobody else could go on with them', async () => {
    await withBench({ filters: [filters.path('shout')] }, async (bench) => {
      let isCut = false
      bench.answers((_, response) => {
        response.on('close', () => {
          isCut = !response.writableFinished
        })
        response.writeHead(200, { ...FRESH, 'content-length': 8 })
        response.write('half')
      })
      await leave(bench, '/c')
      await eventually('the origin is let go', () => isCut)
      bench.always(FRESH, 'text')
      const answer = await bench.get('/c')
      expect([verdict(answer), answer.body.toString()]).toEqual([MISS, 'TEXT!'])
      expect(verdict(await bench.get('/c'))).toBe('hit')
    })
  })
})

it('cache_max_file_size: what was too large is stored as soon as it is not any more', async () => {
  await withBench({}, async (bench) => {
    bench.always(FRESH, 'x'.repeat(5 * 1024 * 1024))
    const seen = async (): Promise<string> => verdict(await bench.get('/big'))
    expect([await seen(), await seen()]).toEqual(['fwd=uri-miss', 'fwd=uri-miss'])
    bench.always(FRESH, 'small')
    expect([await seen(), await seen()]).toEqual([MISS, 'hit'])
  })
})

describe('codings on a route with a cache', () => {
  it('compress: one stored answer, and each client its own coding, hits too', async () => {
    await withBench({ filters: ['compress'] }, async (bench) => {
      bench.always({ ...FRESH, 'content-type': 'text/plain' }, TEXT)
      const got = async (coding: string): Promise<readonly unknown[]> => {
        const { headers, body } = await bench.get('/t', { 'accept-encoding': coding })
        const text = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
        return [headers['content-encoding'], text.toString() === TEXT, headers['vary']?.toLowerCase()]
      }
      const vary = 'accept-encoding'
      expect(await got('gzip')).toEqual(['gzip', true, vary])
      expect(await got('gzip')).toEqual(['gzip', true, vary])
      expect(await got('identity')).toEqual([undefined, true, vary])
      expect(verdict(await bench.get('/t', { 'accept-encoding': 'gzip' }))).toBe('hit')
      expect(bench.asked).toHaveLength(1)
    })
  })

  it('decompress: what is stored is text, one answer for all clients, and hits need no worker', async () => {
    await withBench({ filters: ['decompress'] }, async (bench) => {
      bench.answers((_, response) => {
        const body = gzipSync(TEXT)
        const headers = { 'content-type': 'text/plain', 'content-encoding': 'gzip', vary: 'accept-encoding' }
        response.writeHead(200, { ...FRESH, ...headers, 'content-length': body.length }).end(body)
      })
      for (const coding of ['gzip', 'identity', 'gzip']) {
        const { headers, body } = await bench.get('/t', { 'accept-encoding': coding })
        expect([headers['content-encoding'], body.toString() === TEXT]).toEqual([undefined, true])
      }
      expect(bench.asked).toHaveLength(1)
    })
  })
})

describe('RFC 5861 §4 stale-if-error', () => {
  const HEADERS = { 'cache-control': 'max-age=60, stale-if-error=1000', age: '100', 'content-length': 3 }

  it.each(['is refused', 'is late'])('a stale answer stands in when the connection %s', async (fault) => {
    const origin = await HttpOrigin.start((_, response) => {
      // All but the first wait for ever.
      if (origin.requests === 1) response.writeHead(200, HEADERS).end('old')
    })
    const gateway = await InProcessGateway.start({
      upstreams: {
        app: { peers: [origin.address], timeouts: { headers: '100ms' }, retries: { max: 0 } },
      },
      routes: [{ upstream: 'app', cache: true }],
    })
    try {
      const get = () => fetchAnswer(gateway.port, '/s', { headers: { host: 'example.com' } })
      expect((await get()).body.toString()).toBe('old')
      if (fault === 'is refused') await origin.close()
      const stale = await get()
      expect([stale.status, stale.body.toString(), verdict(stale)]).toEqual([200, 'old', 'fwd=stale'])
    } finally {
      await gateway.close()
      if (fault !== 'is refused') await origin.close()
    }
  })
})
