import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compileFilters } from '../support/compile-filter.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { HttpOrigin } from '../support/http-origin.js'
import { CacheBench, type OriginAnswer, verdict } from './support.js'

conserved()

const FRESH = { 'cache-control': 'max-age=60' }
const READERS = 6
const KIB = 1024

const filters = compileFilters(new URL('./filters/thread.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'headgate-streams-'))
afterAll(() => {
  filters.remove()
  rmSync(folder, { recursive: true, force: true })
})

/** A client that has begun to read. */
interface Reader {
  readonly thread: string
  /** How it ends, and what it has by then. */
  readonly end: Promise<{ readonly isWhole: boolean; readonly body: Buffer }>
  leave(): void
}

describe('who waits for an answer of unknown length reads it while it is still coming', () => {
  let bench: CacheBench
  let n = 0
  const path = (): string => {
    n += 1
    return `/s${n}`
  }
  const asks = (count: number): Promise<void> =>
    eventually(`the origin has ${count} requests`, () => bench.asked.length === count)

  beforeAll(async () => {
    bench = await CacheBench.start(true, {}, { filters: [filters.path('thread')] })
  }, 60_000)
  afterAll(() => bench.close())

  /** Settles when the client has some of the body. */
  function read(at: string, headers = {}, port = bench.gateway.port): Promise<Reader> {
    return new Promise((resolve, reject) => {
      const options = { port, path: at, headers: { host: 'example.com', ...headers } }
      const asked = get({ ...options, agent: false }, (answer) => {
        expect([answer.statusCode, answer.headers['content-length']]).toEqual([200, undefined])
        const pieces: Buffer[] = []
        const end = new Promise<{ isWhole: boolean; body: Buffer }>((done) => {
          const ended = (isWhole: boolean) => () => done({ isWhole, body: Buffer.concat(pieces) })
          answer.on('end', ended(true)).on('error', ended(false))
        })
        answer.on('data', (piece: Buffer) => {
          pieces.push(piece)
          resolve({ thread: String(answer.headers['x-thread']), end, leave: () => asked.destroy() })
        })
      })
      asked.on('error', reject)
    })
  }
  /** The one who fetches for all, and others who have begun to read. */
  async function readers(at: string, headers = {}): Promise<readonly [Reader, ...Reader[]]> {
    const first = await read(at)
    return [first, ...(await Promise.all(Array.from({ length: READERS }, () => read(at, headers))))]
  }
  /** An origin that sends the rest of its first answer when told to; all that are asked for later it answers at once. */
  function halting(begin: Buffer, rest: Buffer, later: OriginAnswer): { rest(): void; breakOff(): void } {
    let go: () => void = () => undefined
    let cut: () => void = () => undefined
    bench.answers((request, response) => {
      if (bench.asked.length > 1) return later(request, response)
      response.writeHead(200, FRESH)
      response.write(begin)
      go = () => response.end(rest)
      cut = () => response.destroy()
    })
    return { rest: () => go(), breakOff: () => cut() }
  }
  const never: OriginAnswer = () => expect.fail('the origin was asked once more')
  const half = Buffer.from('half')
  const rest = Buffer.from('rest')

  it('in all workers, from one request', async () => {
    const at = path()
    const origin = halting(half, rest, never)
    const all = await readers(at)
    expect(new Set(all.map(({ thread }) => thread)).size).toBe(2)
    origin.rest()
    for (const { end } of all) expect(await end).toEqual({ isWhole: true, body: Buffer.from('halfrest') })
    const hit = await bench.get(at)
    expect([verdict(hit), hit.headers['content-length'], bench.asked.length]).toEqual(['hit', '8', 1])
  })

  it('the client of the one who fetches leaves: nobody else notices', async () => {
    const at = path()
    const origin = halting(half, rest, never)
    const [first, ...others] = await readers(at)
    first.leave()
    await eventually('it has left', () => bench.gateway.stats.inFlight === READERS)
    origin.rest()
    for (const { end } of others) expect(await end).toEqual({ isWhole: true, body: Buffer.from('halfrest') })
    expect(verdict(await bench.get(at))).toBe('hit')
  })

  it('the upstream breaks off: all see that it is not whole, and nothing is stored', async () => {
    const at = path()
    const origin = halting(half, rest, (_, response) => void response.writeHead(200, FRESH).end('new'))
    const all = await readers(at)
    origin.breakOff()
    for (const { end } of all) expect(await end).toEqual({ isWhole: false, body: half })
    expect((await bench.get(at)).body.toString()).toBe('new')
    expect(bench.asked).toHaveLength(2)
  })

  it('C6 the worker that fetches dies: all see that it is not whole, and nothing is stored', async () => {
    const [dead, when] = [join(folder, 'dead'), join(folder, 'when')]
    const at = `${path()}?die=${encodeURIComponent(dead)}&when=${encodeURIComponent(when)}`
    halting(half, rest, (_, response) => void response.writeHead(200, FRESH).end('new'))
    const all = await readers(at)
    expect([new Set(all.map(({ thread }) => thread)).size, existsSync(dead)]).toEqual([2, true])
    const restarts = bench.gateway.stats.counters.worker_restarts
    writeFileSync(when, '')
    for (const { end } of all) expect(await end).toEqual({ isWhole: false, body: half })
    await eventually(
      'the worker is replaced',
      () => bench.gateway.stats.counters.worker_restarts === restarts + 1,
    )
    expect((await bench.get(at)).body.toString()).toBe('new')
    expect(bench.asked).toHaveLength(2)
  }, 30_000)

  describe('it grows larger than what is stored', () => {
    const begin = Buffer.alloc(100 * KIB, 'begin ')
    // In pieces of which none looks like another.
    const large = Buffer.concat([
      begin,
      ...Array.from({ length: 5000 }, (_, i) => Buffer.alloc(KIB, `${i} `)),
    ])

    it('all get it whole, each from the origin, where it begins as what they have', async () => {
      const at = path()
      const origin = halting(begin, large.subarray(begin.length), (_, response) => {
        response.writeHead(200, FRESH)
        response.write(large.subarray(0, 70 * KIB))
        response.end(large.subarray(70 * KIB))
      })
      const all = await readers(at, { range: 'bytes=0-1', 'if-modified-since': new Date(0).toUTCString() })
      origin.rest()
      for (const { end } of all) {
        const { isWhole, body } = await end
        expect([isWhole, body.equals(large)]).toEqual([true, true])
      }
      expect(bench.asked).toHaveLength(1 + READERS)
      const conditions = bench.asked.flatMap(({ headers }) => [headers.range, headers['if-modified-since']])
      expect(conditions.every((value) => value === undefined)).toBe(true)
    }, 30_000)

    it.each([
      ['has other bytes', 200, {}, Buffer.concat([Buffer.from('B'), large.subarray(1)])],
      ['is shorter than what they have', 200, {}, begin.subarray(0, 10)],
      ['is an error', 503, {}, large],
      ['has another tag', 200, { etag: '"b"' }, large],
      ['is coded', 200, { 'content-encoding': 'x' }, large],
    ])(
      'but they see that theirs is not whole where the new one %s',
      async (_, status, headers, body) => {
        const at = path()
        const origin = halting(begin, large.subarray(begin.length), (__, response) => {
          response.writeHead(status, { ...FRESH, ...headers, 'content-length': body.length }).end(body)
        })
        const [first, ...others] = await readers(at)
        origin.rest()
        expect((await first.end).body.equals(large)).toBe(true)
        for (const { end } of others) {
          const { isWhole, body: got } = await end
          expect([isWhole, large.subarray(0, got.length).equals(got)]).toEqual([false, true])
        }
        await eventually('all are over', () => bench.gateway.stats.inFlight === 0)
      },
      30_000,
    )

    it('and no other peer is asked in the place of one whose error could be repeated before', async () => {
      let asked = 0
      let origin: () => void = () => undefined
      const answer: OriginAnswer = (_, response) => {
        asked += 1
        if (asked > 1) {
          response.writeHead(503, { 'content-length': 0 }).end()
          return
        }
        response.writeHead(200, FRESH)
        response.write(begin)
        origin = () => response.end(large.subarray(begin.length))
      }
      const origins = [await HttpOrigin.start(answer), await HttpOrigin.start(answer)]
      const peers = origins.map(({ address }) => address)
      const gateway = await InProcessGateway.start({
        cache: { size: '32MiB', maxEntrySize: '4MiB' },
        upstreams: { app: { peers, retries: { max: 2, on: [503] } } },
        routes: [{ upstream: 'app', cache: true }],
      })
      try {
        const [first, other] = [await read('/a', {}, gateway.port), await read('/a', {}, gateway.port)]
        origin()
        expect((await first.end).isWhole).toBe(true)
        expect([(await other.end).isWhole, asked]).toEqual([false, 2])
      } finally {
        await gateway.close()
        for (const each of origins) await each.close()
      }
    }, 30_000)
  })

  it('a filter cannot answer once more when the rest is asked for', async () => {
    const at = `${path()}?answer`
    const origin = halting(half, rest, (request, response) => {
      expect(request.method).toBe('POST')
      response.writeHead(204).end()
    })
    const [first, ...others] = await readers(at)
    await bench.get(at, { 'content-length': 0 }, { method: 'POST' })
    origin.rest()
    expect(await first.end).toEqual({ isWhole: true, body: Buffer.from('halfrest') })
    for (const { end } of others) expect(await end).toEqual({ isWhole: false, body: half })
    expect(bench.asked).toHaveLength(2)
  })

  it('it is purged meanwhile: who reads it goes on from the origin, and who comes then does not join', async () => {
    const at = path()
    const origin = halting(half, rest, (request, response) => {
      response.writeHead(request.method === 'POST' ? 204 : 200, FRESH)
      response.end(request.method === 'POST' ? undefined : 'halfrest')
    })
    const all = await readers(at)
    await bench.get(at, { 'content-length': 0 }, { method: 'POST' })
    expect(verdict(await bench.get(at))).toBe('fwd=uri-miss; stored')
    await asks(3)
    origin.rest()
    for (const { end } of all) expect(await end).toEqual({ isWhole: true, body: Buffer.from('halfrest') })
    expect(bench.asked).toHaveLength(3 + READERS)
  })
})
