import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compileFilters } from '../support/compile-filter.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { type HttpAnswer, send } from '../support/http-client.js'
import { CacheBench, verdict } from './support.js'

conserved()

const FRESH = { 'cache-control': 'max-age=60' }

const filters = compileFilters(new URL('./filters/thread.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'headgate-deaths-'))
afterAll(() => {
  filters.remove()
  rmSync(folder, { recursive: true, force: true })
})

describe('misses at the same time', () => {
  let bench: CacheBench
  /** Answers that the origin holds back. */
  const held: (() => void)[] = []
  const answerAll = (): void => {
    for (const answer of held.splice(0)) answer()
  }
  /** How many requests the workers have, waiting ones included. */
  const inFlight = (count: number): Promise<void> =>
    eventually(`${count} sessions are in flight`, () => bench.gateway.stats.inFlight === count)
  const asks = (count: number): Promise<void> =>
    eventually(`the origin has ${count} requests`, () => bench.asked.length === count)
  const storm = (count: number, target: string): Promise<HttpAnswer>[] =>
    Array.from({ length: count }, () => bench.get(target))

  beforeAll(async () => {
    bench = await CacheBench.start(undefined, {
      routes: [
        { match: { path: '/none/*' }, upstream: 'app', cache: { lock: false } },
        { match: { path: '/short/*' }, upstream: 'app', cache: { lock: { age: '200ms', wait: '60s' } } },
        { match: { path: '/wait/*' }, upstream: 'app', cache: { lock: { age: '60s', wait: '200ms' } } },
        { upstream: 'app', cache: true, filters: [filters.path('thread')] },
      ],
    })
  }, 60_000)
  afterAll(() => bench.close())

  function holdBack(headers = {}, body = 'body', status = 200): void {
    bench.answers((_, response) => {
      held.push(() => {
        response.writeHead(status, headers)
        response.end(body)
      })
    })
  }

  it('A-53 what one worker has stored is a hit in another', async () => {
    bench.always(FRESH)
    const threads = new Set<unknown>()
    for (let i = 0; i < 6; i += 1) {
      const answer = await bench.get('/shared')
      expect(verdict(answer)).toBe(i === 0 ? 'fwd=uri-miss; stored' : 'hit')
      threads.add(answer.headers['x-thread'])
    }
    expect([threads.size, bench.asked.length]).toEqual([2, 1])
  })

  it('A-50, C-20 a stampede of 1,000 makes one upstream request', async () => {
    holdBack({ ...FRESH, 'content-length': 4 })
    const answers = storm(1000, '/stampede')
    await inFlight(1000)
    await asks(1)
    answerAll()
    const all = await Promise.all(answers)
    expect(all.every((answer) => answer.status === 200 && answer.body.toString() === 'body')).toBe(true)
    expect(bench.asked).toHaveLength(1)
    // Who was still on the way to its worker when the answer was complete has a plain hit.
    const verdicts = all.map(verdict)
    expect(verdicts.filter((word) => word === 'fwd=uri-miss; stored')).toHaveLength(1)
    expect(verdicts.filter((word) => word === 'fwd=uri-miss; collapsed' || word === 'hit')).toHaveLength(999)
    expect(verdicts.filter((word) => word !== 'hit').length).toBeGreaterThan(500)
    expect(new Set(all.map((answer) => answer.headers['x-thread'])).size).toBe(2)
  }, 60_000)

  it('also when the length of the answer is not known', async () => {
    holdBack(FRESH)
    const answers = storm(50, '/chunked')
    await inFlight(50)
    await asks(1)
    answerAll()
    for (const answer of await Promise.all(answers)) expect(answer.body.toString()).toBe('body')
    expect(bench.asked).toHaveLength(1)
  })

  it('C6 killing the worker that fetches for all of 1,000, in the middle, makes at most two', async () => {
    const file = join(folder, 'first')
    holdBack({ ...FRESH, 'content-length': 4 })
    const target = `/deadly?die=${encodeURIComponent(file)}`
    const outcomes = Array.from({ length: 1000 }, () =>
      send(bench.gateway.port, target, { headers: { host: 'example.com' } }),
    )
    await eventually('the first has died', () => existsSync(file) && bench.asked.length === 2)
    answerAll()
    const answers = await Promise.all(outcomes)
    // The sessions of the worker that died have died with it.
    const good = answers.filter((answer) => answer.kind === 'answer' && answer.status === 200)
    expect(good.length).toBeGreaterThan(250)
    expect(answers.every((answer) => answer.kind === 'answer' && [200, 502].includes(answer.status))).toBe(
      true,
    )
    expect(bench.asked).toHaveLength(2)
    await eventually('the worker is replaced', () => bench.gateway.stats.counters.worker_restarts === 1)
    expect(verdict(await bench.get(target))).toBe('hit')
  }, 60_000)

  it('cache_lock_miss_hit: without coalescing each asks for itself', async () => {
    holdBack(FRESH)
    const answers = storm(3, '/none/a')
    await asks(3)
    answerAll()
    for (const answer of await Promise.all(answers)) expect(verdict(answer)).toBe('fwd=uri-miss; stored')
  })

  it('streaming_partial_body: those who wait read what is there while the rest is still coming', async () => {
    let finish: () => void = () => undefined
    bench.answers((_, response) => {
      response.writeHead(200, { ...FRESH, 'content-length': 8 })
      response.write('half')
      finish = () => response.end('rest')
    })
    const first = bench.get('/partial')
    await asks(1)
    const { get } = await import('node:http')
    const texts = await Promise.all(
      Array.from(
        { length: 4 },
        () =>
          new Promise<{ text(): Promise<string> }>((resolve) => {
            const options = { port: bench.gateway.port, path: '/partial', headers: { host: 'example.com' } }
            get({ ...options, agent: false }, (answer) => {
              let text = ''
              const ended = new Promise<string>((done) => answer.on('end', () => done(text)))
              answer.setEncoding('latin1').on('data', (piece: string) => {
                const isFirst = text === ''
                text += piece
                // It has some of the body, and the origin has not sent the rest.
                if (isFirst) resolve({ text: () => ended })
              })
            })
          }),
      ),
    )
    finish()
    for (const reader of texts) expect(await reader.text()).toBe('halfrest')
    expect((await first).body.toString()).toBe('halfrest')
    expect(bench.asked).toHaveLength(1)
  })

  it('cache_lock_uncacheable: what cannot be stored releases all at once', async () => {
    holdBack({ 'cache-control': 'no-store' })
    const answers = storm(10, '/never')
    await inFlight(10)
    await asks(1)
    answerAll()
    await asks(10)
    answerAll()
    for (const answer of await Promise.all(answers)) expect(verdict(answer)).toBe('fwd=uri-miss')
  })

  it('cache_lock_network_error: the next one tries, and all others get its answer', async () => {
    let failures = 1
    bench.answers((asked, response) => {
      held.push(() => {
        failures -= 1
        if (failures >= 0) asked.socket.end('nonsense\r\n\r\n')
        else {
          response.writeHead(200, { ...FRESH, 'content-length': 2 })
          response.end('ok')
        }
      })
    })
    const answers = storm(10, '/broken')
    await inFlight(10)
    await asks(1)
    answerAll()
    await asks(2)
    answerAll()
    const statuses = (await Promise.all(answers)).map(({ status }) => status).sort()
    expect(statuses).toEqual([...Array.from({ length: 9 }, () => 200), 502])
    expect(bench.asked).toHaveLength(2)
  })

  it('the client of the one who fetches leaves before there is an answer: another fetches', async () => {
    holdBack({ ...FRESH, 'content-length': 4 })
    const { get } = await import('node:http')
    const leaving = get({ port: bench.gateway.port, path: '/left', headers: { host: 'example.com' } })
    leaving.on('error', () => undefined)
    await asks(1)
    const answers = storm(5, '/left')
    await inFlight(6)
    leaving.destroy()
    await asks(2)
    answerAll()
    for (const answer of await Promise.all(answers)) expect(answer.body.toString()).toBe('body')
    expect(bench.asked).toHaveLength(2)
  })

  it('cache_lock_timeout: after the age of a lead another fetches', async () => {
    holdBack({ ...FRESH, 'content-length': 4 })
    const answers = storm(3, '/short/a')
    await asks(2)
    answerAll()
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200])
  })

  it('cache_lock_wait_timeout: who has waited long enough asks for himself', async () => {
    holdBack({ ...FRESH, 'content-length': 4 })
    const answers = storm(3, '/wait/a')
    await asks(3)
    answerAll()
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200])
  })
})
