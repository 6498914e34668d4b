import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { GcraTable } from '#src/memory/index.js'
import { shedBelow } from '#src/supervisor/pressure.js'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { effectiveConfig, InProcessGateway, type TestConfig } from '../support/gateway.js'
import { fetchAnswer, type HttpAnswer, send } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'
import { RawClient } from '../support/raw-client.js'

conserved()

let origin: HttpOrigin
/** Requests that the origin has not answered yet, by their path. */
let held: { readonly path: string; readonly answer: () => void }[]
let config: TestConfig
beforeEach(async () => {
  held = []
  origin = await HttpOrigin.start(async (request, response) => {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const path = request.url ?? ''
    held.push({ path, answer: () => void response.end(`${Buffer.concat(pieces).length} bytes`) })
  })
  config = {
    log: { level: 'silent' },
    workers: 1,
    limits: { sessions: 1 },
    upstreams: { app: { peers: [origin.address] } },
  }
})
afterEach(() => origin.close())

async function answerNext(): Promise<string> {
  await eventually('the origin holds one', () => held.length > 0)
  const next = held.shift()
  next?.answer()
  return next?.path ?? ''
}

describe.each(ACCEPTOR_KINDS)('more sessions than workers have room for, over %s', (acceptor) => {
  it('C5 wait in a bounded queue, with their bodies, the important ones first; beyond it 503 at once', async () => {
    const routes = [
      { match: { path: '/high' }, upstream: 'app', priority: 'high' as const },
      { match: { path: '/*' }, upstream: 'app' },
    ]
    const overload = { queue: 3, queueTimeout: '20s' } as const
    const gateway = await InProcessGateway.start({ ...config, acceptor, routes, overload })
    const { port } = gateway
    try {
      const first = send(port, '/first')
      await eventually('the worker is full', () => held.length === 1)
      const body = Buffer.alloc(600_000, 'b')
      const post = send(port, '/post', { method: 'POST', body })
      await eventually('it waits', () => gateway.stats.inFlight === 2)
      const high = send(port, '/high')
      await eventually('it waits', () => gateway.stats.inFlight === 3)
      const leaver = await RawClient.connect(port)
      await leaver.send('GET /leaver HTTP/1.1\r\nHost: a\r\n\r\n')
      await eventually('it waits', () => gateway.stats.inFlight === 4)
      const beyond = (await send(port, '/beyond')) as HttpAnswer
      expect([beyond.status, beyond.headers['retry-after']]).toEqual([503, '1'])
      await leaver.destroy()
      await eventually('it has left', () => gateway.stats.inFlight === 3)

      expect([await answerNext(), await answerNext(), await answerNext()]).toEqual([
        '/first',
        '/high',
        '/post',
      ])
      const answers = (await Promise.all([first, high, post])) as HttpAnswer[]
      expect(answers.map(({ body: text }) => text.toString())).toEqual(['0 bytes', '0 bytes', '600000 bytes'])
      const { counters } = await gateway.settle()
      expect([counters.queued, counters.answered, counters.aborted]).toEqual([3, 4, 1])
      expect(counters['rejected:queue_full']).toBe(1)
    } finally {
      await gateway.close()
    }
  })

  it('C5 get 503 when they have waited long enough', async () => {
    const overload = { queue: 10, queueTimeout: '100ms' } as const
    const gateway = await InProcessGateway.start({ ...config, acceptor, overload })
    try {
      const first = send(gateway.port, '/first')
      await eventually('the worker is full', () => held.length === 1)
      const late = (await send(gateway.port, '/late')) as HttpAnswer
      expect([late.status, late.headers['proxy-status']]).toEqual([
        503,
        'headgate; error=connection_limit_reached',
      ])
      await answerNext()
      expect((await first).kind).toBe('answer')
      await gateway.settle()
    } finally {
      await gateway.close()
    }
  })

  it('rateLimit counts over all workers, tells what is left, and refuses with 429', async () => {
    const routes = [{ upstream: 'app', rateLimit: { limit: 5, window: '1h', burst: 5 } as const }]
    const gateway = await InProcessGateway.start({ ...config, acceptor, workers: 2, limits: {}, routes })
    try {
      const answers: HttpAnswer[] = []
      for (let i = 0; i < 7; i += 1) {
        const answer = fetchAnswer(gateway.port, '/')
        if (i < 5) await answerNext()
        answers.push(await answer)
      }
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429, 429])
      expect(answers.map(({ headers }) => headers['ratelimit-remaining'])).toEqual([
        '4',
        '3',
        '2',
        '1',
        '0',
        '0',
        '0',
      ])
      // Seconds until nothing is counted any more: each request adds 3600 / 5.
      for (const [index, { headers }] of answers.entries()) {
        const most = Math.min(index + 1, 5) * 720
        expect(Number(headers['ratelimit-reset'])).toBeLessThanOrEqual(most)
        expect(Number(headers['ratelimit-reset'])).toBeGreaterThan(most - 60)
      }
      expect(answers[6]?.headers).toMatchObject({ 'ratelimit-limit': '5', 'retry-after': '720' })
      // A reload is no way to a new allowance.
      await gateway.gateway.reload(
        await effectiveConfig({ ...config, acceptor, workers: 2, limits: {}, routes }),
      )
      expect((await fetchAnswer(gateway.port, '/')).status).toBe(429)
    } finally {
      await gateway.close()
    }
  })
})

it.each(ACCEPTOR_KINDS)(
  'C5 with little memory left the unimportant is refused over %s before work is spent, and the rest served',
  async (acceptor) => {
    const rss = vi.spyOn(process.memoryUsage, 'rss').mockReturnValue(1)
    const route = (priority: 'low' | 'normal' | 'high') => ({
      match: { path: `/${priority}` },
      upstream: 'app',
      priority,
    })
    const gateway = await InProcessGateway.start({
      ...config,
      acceptor,
      limits: {},
      overload: { memory: '100MiB' },
      routes: [route('low'), route('normal'), route('high')],
    })
    const statuses = async (): Promise<number[]> => {
      const got: number[] = []
      for (const path of ['/low', '/normal', '/high']) {
        const before = held.length
        const asked = send(gateway.port, path)
        const refused = asked.then(() => true)
        if (
          !(await Promise.race([refused, eventually('asked', () => held.length > before).then(() => false)]))
        )
          await answerNext()
        const answer = (await asked) as HttpAnswer
        if (answer.status === 503) expect(answer.headers['retry-after']).toBe('1')
        got.push(answer.status)
      }
      return got
    }
    const after = async (mebibytes: number, shed: number): Promise<number[]> => {
      rss.mockReturnValue(mebibytes * 1024 ** 2)
      await gateway.log.until((line) => line['shedBelow'] === shed)
      return await statuses()
    }
    try {
      expect(await statuses()).toEqual([200, 200, 200])
      expect(await after(88, 1)).toEqual([503, 200, 200])
      expect(await after(96, 2)).toEqual([503, 503, 200])
      expect(gateway.stats.counters.shed).toBe(3)
      expect(origin.requests).toBe(6)
      expect(await after(10, 0)).toEqual([200, 200, 200])
      await gateway.settle()
    } finally {
      rss.mockRestore()
      await gateway.close()
    }
  },
)

it('C3 when the memory is used up, requests are refused before work is spent, and served again when there is some', async () => {
  const overload = { memory: '64MiB' } as const
  const all = {
    ...config,
    admin: '127.0.0.1:0',
    routes: [{ respond: { status: 204 }, match: { path: '/own' } }, { upstream: 'app' }],
  }
  const gateway = await InProcessGateway.start({ ...all, overload })
  try {
    await eventually('it is told', () => gateway.log.saying('overload').length === 1)
    const refused = (await send(gateway.port, '/')) as HttpAnswer
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1'])
    expect(origin.requests).toBe(0)
    expect(gateway.stats.counters.shed).toBe(1)
    const ready = await fetchAnswer(gateway.gateway.admin?.port ?? 0, '/ready')
    expect([ready.status, ready.body.toString()]).toEqual([
      503,
      '{"ready":false,"reasons":["the memory limit is reached"]}\n',
    ])
    await gateway.gateway.reload(await effectiveConfig(all))
    await eventually('it has become less', () => gateway.log.saying('it has become less').length === 1)
    const served = send(gateway.port, '/')
    await answerNext()
    expect(await served).toMatchObject({ status: 200 })
  } finally {
    await gateway.close()
  }
})

it.each([
  [{ rssBytes: 84, lagMs: 9 }, 0],
  [{ rssBytes: 85, lagMs: 9 }, 1],
  [{ rssBytes: 95, lagMs: 9 }, 2],
  [{ rssBytes: 100, lagMs: 9 }, 3],
  [{ rssBytes: 1, lagMs: 10 }, 1],
  [{ rssBytes: 1, lagMs: 20 }, 2],
  [{ rssBytes: 1, lagMs: 900 }, 2],
] as const)('with %o of 100 bytes and 10 ms priorities below %i are refused', (load, level) => {
  expect(shedBelow({ ...load, memoryBytes: 100, lagLimitMs: 10 })).toBe(level)
  expect(shedBelow({ ...load, memoryBytes: 0, lagLimitMs: 0 })).toBe(0)
})

it.each(ACCEPTOR_KINDS)(
  'limits.connectionsPerAddress over %s closes what one address has too many of, and no others',
  async (acceptor) => {
    const limits = { connectionsPerAddress: 2 }
    const gateway = await InProcessGateway.start({ ...config, acceptor, limits })
    const open = async (localAddress: string): Promise<boolean> => {
      const socket = connect({ port: gateway.port, host: '127.0.0.1', localAddress })
      sockets.push(socket)
      socket.on('error', () => undefined)
      await once(socket, 'connect')
      socket.write('GET /x HTTP/1.1\r\n')
      const closed = once(socket, 'close').then(() => false)
      return await Promise.race([
        closed,
        eventually('it is counted', () => refused() > 0 || sockets.length < 3).then(() => true),
      ])
    }
    const refused = (): number => gateway.stats.counters['refused:overload']
    const sockets: ReturnType<typeof connect>[] = []
    try {
      expect([await open('127.0.0.1'), await open('127.0.0.1')]).toEqual([true, true])
      const third = connect({ port: gateway.port, host: '127.0.0.1' })
      third.on('error', () => undefined)
      await once(third, 'close')
      expect(refused()).toBe(1)
      expect(await open('127.0.0.2')).toBe(true)
      expect(refused()).toBe(1)
      // As soon as one has gone, another may come.
      sockets[0]?.destroy()
      await eventually('there is room again', async () => {
        const next = connect({ port: gateway.port, host: '127.0.0.1' })
        next.on('error', () => undefined)
        const status = once(next, 'data').then(([bytes]) => String(bytes).slice(9, 12))
        next.write('GET /x HTTP/1.1\r\n\r\n')
        const got = await Promise.race([status, once(next, 'close').then(() => 'closed')])
        next.destroy()
        return got === '400'
      })
    } finally {
      for (const socket of sockets) socket.destroy()
      await gateway.close()
    }
  },
)

describe('the table of rate limits', () => {
  it('gives a burst, then one at a time at the rate, and all of it again after a rest', () => {
    const table = new GcraTable()
    const take = (atMs: number): boolean => table.take('a', 100_000, 300_000, atMs * 1000).allowed
    expect([0, 0, 0, 0].map(take)).toEqual([true, true, true, false])
    expect([99, 100, 100].map(take)).toEqual([false, true, false])
    expect([1000, 1000, 1000, 1000].map(take)).toEqual([true, true, true, false])
  })

  it('keeps keys apart, and what is counted in one place is known in the other', () => {
    const table = new GcraTable()
    const other = new GcraTable(table.buffer)
    expect(table.take('a', 1000, 1000, 0).allowed).toBe(true)
    expect(other.take('a', 1000, 1000, 0).allowed).toBe(false)
    expect(other.take('b', 1000, 1000, 0).allowed).toBe(true)
  })

  it('with more keys than it has room for it forgets, and never refuses who has not been there', () => {
    const table = new GcraTable()
    for (let i = 0; i < 200_000; i += 1)
      if (!table.take(`key ${i}`, 1000, 1000, i).allowed) throw new Error(`${i}`)
    expect(table.take('key 199999', 1000, 1000, 199_999).allowed).toBe(false)
  })
})
