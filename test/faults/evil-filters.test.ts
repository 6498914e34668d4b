import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { compileFilters } from '../support/compile-filter.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess } from '../support/gateway.js'
import { fetchAnswer, send } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'
import { expectAlive, type OpenStream, openStream, StreamOrigin } from '../support/open-stream.js'
import { SteadyLoad } from '../support/steady-load.js'

conserved()

const WORKERS = 2
const STREAMS = 6
const LOAD = 8

/** The deeds that a worker survives, with what the session gets. */
const SURVIVED = [
  { deed: 'throws', status: 500 },
  { deed: 'rejects', status: 500 },
  { deed: 'overflows-the-stack', status: 500 },
  { deed: 'never', status: 500 },
  { deed: 'forgets-a-rejection', status: 200 },
] as const

/** Those that it does not. How it dies makes no difference to the acceptor: with `node` one way to die (C3) and one not to (C2) are enough. */
const DEADLY = {
  uws: ['throws-later', 'exits', 'exhausts-the-heap', 'loops'],
  node: ['exits', 'loops'],
} as const

const filters = compileFilters(
  new URL('./filters/who.ts', import.meta.url),
  new URL('./filters/evil.ts', import.meta.url),
)
afterAll(() => filters.remove())

describe.each(ACCEPTOR_KINDS)('evil filters over %s', (acceptor) => {
  const streams = new StreamOrigin()
  let origin: HttpOrigin
  let gateway: GatewayProcess

  beforeAll(async () => {
    origin = await HttpOrigin.start((request, response) => {
      const path = request.url ?? ''
      if (path.startsWith('/stream/')) streams.begin(response)
      // This session is still at the origin when its filter's timer goes off.
      else if (path !== '/evil/throws-later') response.end('fine')
    })
    gateway = await GatewayProcess.start({
      acceptor,
      admin: '127.0.0.1:0',
      workers: WORKERS,
      limits: { filter: '300ms' },
      workerLimits: { heap: '64MiB', watchdog: '1500ms' },
      upstreams: { app: { peers: [origin.address] } },
      routes: [
        { match: { path: '/evil/*' }, upstream: 'app', filters: [filters.path('evil')] },
        { match: { path: '/fast' }, upstream: 'app' },
        { upstream: 'app', filters: [filters.path('who')] },
      ],
    })
  }, 60_000)

  afterAll(async () => {
    await gateway.close()
    await origin.close()
  })

  const lostWorkers = (): number => gateway.log.saying('a worker was lost').length

  /** Waits until sessions are served by this many threads, and returns these. */
  async function threads(count: number): Promise<ReadonlySet<string>> {
    const seen = new Set<string>()
    await eventually(`${count} workers serve`, async () => {
      seen.clear()
      // Two at once go to two workers.
      for (let round = 0; round < 2; round += 1) {
        const answers = await Promise.all(Array.from({ length: 2 * count }, () => send(gateway.port, '/who')))
        for (const answer of answers)
          if (answer.kind === 'answer' && answer.status === 200) seen.add(String(answer.headers['x-thread']))
      }
      return seen.size === count
    })
    return seen
  }

  async function openStreams(): Promise<OpenStream[]> {
    const opened: OpenStream[] = []
    for (let index = 0; index < STREAMS; index += 1) {
      opened.push(await openStream(gateway.port, `/stream/${index}`))
    }
    expect(new Set(opened.map((stream) => stream.thread)).size).toBe(WORKERS)
    return opened
  }

  it.each(SURVIVED)(
    'C1 a filter that $deed: its session gets $status, all others go on',
    async ({ deed, status }) => {
      const before = lostWorkers()
      const opened = await openStreams()
      const load = new SteadyLoad(gateway.port, '/fast', LOAD)
      try {
        const answer = await fetchAnswer(gateway.port, `/evil/${deed}`)
        expect(answer.status).toBe(status)
        if (status === 500) {
          expect(answer.headers['proxy-status']).toBe('headgate; error=proxy_internal_error')
          const document = JSON.parse(answer.body.toString()) as { message: string; request_id: string }
          expect(document.message).toContain("filter 'evil'")
          expect(answer.body.toString()).not.toContain('secret')
          const [line] = await gateway.log.until(
            ({ reqId, level }) => reqId === document.request_id && level === 'error',
          )
          expect(line?.msg).toContain("filter 'evil'")
        } else await gateway.log.until((line) => JSON.stringify(line).includes('nobody waits for this'))
        await expectAlive(streams, opened, `after ${deed}`)
        expect(lostWorkers()).toBe(before)
      } finally {
        await load.stop()
        for (const stream of opened) stream.close()
      }
      expect(load.answered).toBeGreaterThan(0)
      expect(load.unusual()).toEqual([])
    },
  )

  it.each(DEADLY[acceptor])(
    'C2 C3 a filter that %s: its worker is replaced, the other one notices nothing',
    { timeout: 60_000 },
    async (deed) => {
      const before = lostWorkers()
      const threadsBefore = await threads(WORKERS)
      const opened = await openStreams()
      const load = new SteadyLoad(gateway.port, '/fast', LOAD)
      try {
        const answer = await fetchAnswer(gateway.port, `/evil/${deed}`)
        expect(answer.status).toBe(502)
        expect(answer.headers['proxy-status']).toBe('headgate; error=proxy_internal_error')

        await eventually('the streams of one worker are cut', () =>
          opened.some((stream) => stream.state === 'broken-off'),
        )
        const lost = opened.find((stream) => stream.state === 'broken-off')?.thread ?? ''
        const alive = opened.filter((stream) => stream.thread !== lost)
        const dead = opened.filter((stream) => stream.thread === lost)
        await eventually('all of that worker are', () =>
          dead.every((stream) => stream.state === 'broken-off'),
        )
        await expectAlive(streams, alive, `after ${deed}`)
        expect(alive.every((stream) => stream.state === 'open')).toBe(true)

        await eventually('the log tells of it', () => lostWorkers() === before + 1)
        const threadsAfter = await threads(WORKERS)
        expect(threadsAfter.has(lost)).toBe(false)
        const survivors = [...threadsBefore].filter((thread) => threadsAfter.has(thread))
        expect(survivors).toEqual([...threadsBefore].filter((thread) => thread !== lost))
        await expectAlive(streams, alive, `with a new worker after ${deed}`)
      } finally {
        await load.stop()
        for (const stream of opened) stream.close()
      }
      // What the lost worker had in hand is answered too, and it is no more than that.
      const unusual = load.unusual()
      expect(unusual.filter((text) => text !== '502 headgate; error=proxy_internal_error')).toEqual([])
      expect(unusual.length).toBeLessThanOrEqual(LOAD)
      expect(load.answered).toBeGreaterThan(unusual.length)
    },
  )

  it('the process that has seen all this is still the same, and stops without losing anything', async () => {
    expect(gateway.alive).toBe(true)
    expect(gateway.log.having((line) => line['start'] !== undefined)).toHaveLength(1)
    expect((await fetchAnswer(gateway.port, '/fast')).status).toBe(200)
    await origin.close()
    await gateway.settle()
    gateway.signal('SIGTERM')
    expect(await gateway.exit).toEqual({ code: 0, signal: null })
    expect(gateway.log.saying('no session was lost')).toHaveLength(1)
    expect(gateway.errors.join('')).toBe('')
  })
})
