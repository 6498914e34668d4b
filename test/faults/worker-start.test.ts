import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import pino from 'pino'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Dispatcher, Router } from '#src/dispatch/index.js'
import { HistogramStore } from '#src/histograms/index.js'
import { SharedCounters, WorkerBoard } from '#src/memory/index.js'
import { counterRows, GATEWAY_COUNTERS } from '#src/session/counters.js'
import { WorkerPool } from '#src/supervisor/worker-pool.js'
import { Telemetry } from '#src/telemetry/index.js'
import { PeerTable, tablePlan } from '#src/upstream/index.js'
import { compileFilters } from '../support/compile-filter.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { effectiveConfig, GatewayProcess, InProcessGateway, type TestConfig } from '../support/gateway.js'
import { fetchAnswer, send } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'
import { LogLines } from '../support/log-lines.js'

conserved()

const filters = compileFilters(
  ...['broken', 'fragile', 'no-threads', 'stuck', 'who'].map(
    (name) => new URL(`./filters/${name}.ts`, import.meta.url),
  ),
)
const noDatabase = join(filters.folder, 'no-database')
/** While it is there, threads of workers die before they have loaded anything. */
const noThreads = join(filters.folder, 'no-threads')
const noThreadsLoaded = ['--import', pathToFileURL(filters.path('no-threads')).href]
afterAll(() => filters.remove())

let origin: HttpOrigin
beforeEach(async () => {
  origin = await HttpOrigin.start((_, response) => void response.end('fine'))
})
afterEach(async () => {
  rmSync(noDatabase, { force: true })
  rmSync(noThreads, { force: true })
  await origin.close()
})

function configWith(names: readonly string[], more: Partial<TestConfig> = {}): TestConfig {
  const upstreams = { app: { peers: [origin.address] } }
  return {
    upstreams,
    routes: [{ upstream: 'app', filters: names.map((name) => filters.path(name)) }],
    ...more,
  }
}

/** A pool without a gateway around it. */
async function poolFor(config: TestConfig, startTimeoutMs: number): Promise<WorkerPool> {
  const effective = await effectiveConfig({ log: { level: 'silent' }, ...config })
  const { count } = effective.workers
  const board = new WorkerBoard(count)
  const counters = new SharedCounters(GATEWAY_COUNTERS, counterRows(count))
  const dispatcher = new Dispatcher({
    routes: effective.routes,
    responseEdits: effective.routes.map(() => []),
    router: new Router(effective.routes),
    board,
    counters: counters.row(0),
    sessionsPerWorker: 1,
    onRefused: () => undefined,
    onIdle: () => undefined,
  })
  return new WorkerPool({
    config: effective,
    dispatcher,
    board,
    countersBuffer: counters.buffer,
    histograms: new HistogramStore(count + 1, effective.routes.length + 1).buffer,
    telemetry: new Telemetry({ workers: count, routes: effective.routes.length }).buffers,
    peers: new PeerTable(tablePlan(effective)),
    counters: counters.row(0),
    logger: pino({ level: 'info' }, new LogLines()),
    startTimeoutMs,
  })
}

if (process.platform !== 'linux')
  console.warn('SKIPPED: a worker that dies leaves no thread behind; threads are counted in /proc')

describe('workers that do not come up', () => {
  it('C4 a filter that cannot be loaded fails the start, in its own name and file', async () => {
    const starting = InProcessGateway.start(configWith(['broken']))
    await expect(starting).rejects.toThrow(`filter ${filters.path('broken')}: this module cannot be loaded`)
  })

  it('C4 run ends with exit code 78 and says which filter of which route cannot be loaded, and why', async () => {
    const gateway = GatewayProcess.run(configWith(['broken']))
    expect(await gateway.exit).toEqual({ code: 78, signal: null })
    const said = gateway.errors.join('')
    expect(said).toContain(filters.path('broken'))
    expect(said).toContain('this module cannot be loaded')
    expect(said).toContain('routes[0].filters[0]')
  })

  it('C4 a filter that never finishes loading fails the start, instead of hanging it', async () => {
    const pool = await poolFor(configWith(['stuck'], { workers: 1 }), 1_000)
    await expect(pool.start()).rejects.toThrow(
      /has not started within 1000 ms: a filter does not finish loading/,
    )
    await pool.stop()
  })

  it('C4 a worker that cannot be started again is tried with back-off, then comes back; the others serve meanwhile', {
    timeout: 60_000,
  }, async () => {
    const gateway = await GatewayProcess.start(configWith(['fragile', 'who']))
    const losses = (): readonly unknown[] =>
      gateway.log.saying('a worker was lost').map((line) => line['restartInMs'])
    const seen = new Set<unknown>()
    const ask = async (): Promise<void> => {
      const answer = await fetchAnswer(gateway.port, '/')
      expect(answer.status).toBe(200)
      seen.add(answer.headers['x-thread'])
    }
    try {
      writeFileSync(noDatabase, '')
      expect((await fetchAnswer(gateway.port, '/exit')).status).toBe(502)
      await eventually('it is lost five times', async () => {
        await ask()
        return losses().length >= 5
      })
      expect(seen.size).toBe(1)
      expect(losses().slice(0, 5)).toEqual([0, 100, 200, 400, 800])
      for (const line of gateway.log.saying('a worker was lost').slice(1)) {
        expect(JSON.stringify(line)).toContain('the database is not there')
      }
      rmSync(noDatabase)
      await eventually('a second worker serves', async () => {
        await ask()
        return seen.size === 2
      })
    } finally {
      await gateway.close()
    }
  })

  it('C4 run ends when the threads of its workers cannot be started, instead of hanging, and says why', async () => {
    writeFileSync(noThreads, '')
    const gateway = GatewayProcess.run(configWith([]), [], noThreadsLoaded)
    expect(await gateway.exit).toEqual({ code: 1, signal: null })
    const [line] = gateway.log.saying('the gateway did not start')
    expect(JSON.stringify(line)).toContain('no threads today')
  })

  it('C4 a worker whose thread cannot even be started is tried with back-off, then comes back', {
    timeout: 60_000,
  }, async () => {
    const gateway = await GatewayProcess.start(
      configWith(['fragile', 'who'], { workers: 1 }),
      [],
      noThreadsLoaded,
    )
    const losses = (): number => gateway.log.saying('a worker was lost').length
    try {
      writeFileSync(noThreads, '')
      expect((await fetchAnswer(gateway.port, '/exit')).status).toBe(502)
      await eventually('it is lost three times', () => losses() >= 3)
      expect(JSON.stringify(gateway.log.saying('a worker was lost')[1])).toContain('no threads today')
      rmSync(noThreads)
      await eventually(
        'the worker is back',
        async () => (await fetchAnswer(gateway.port, '/')).status === 200,
      )
    } finally {
      await gateway.close()
    }
  })

  it('C16 a worker that dies leaves no memory behind: its successor takes over the rings', {
    timeout: 60_000,
  }, async () => {
    const gateway = await InProcessGateway.start(configWith(['fragile'], { workers: 1 }))
    const isServing = async (): Promise<boolean> => (await fetchAnswer(gateway.port, '/')).status === 200
    try {
      await eventually('it serves', isServing)
      const { arrayBuffers } = process.memoryUsage()
      for (let deaths = 1; deaths <= 4; deaths += 1) {
        expect((await fetchAnswer(gateway.port, '/exit')).status).toBe(502)
        await eventually('another serves', isServing)
      }
      // A worker's rings have 3 MiB, and V8 would not collect them before it has other reasons to.
      expect(process.memoryUsage().arrayBuffers - arrayBuffers).toBeLessThan(6 * 1024 * 1024)
    } finally {
      await gateway.close()
    }
  })

  it.skipIf(process.platform !== 'linux')(
    'C16 a worker that dies leaves no thread behind: its successor is the only one that starts',
    { timeout: 60_000 },
    async () => {
      const gateway = await GatewayProcess.start(configWith(['fragile'], { admin: '127.0.0.1:0' }))
      const threads = (): number => readdirSync(`/proc/${gateway.pid}/task`).length
      const haveRestarted = async (times: number): Promise<boolean> => {
        const { body } = await fetchAnswer(gateway.adminPort, '/workers')
        const workers = JSON.parse(body.toString()) as { state: string; restarts: number }[]
        return (
          workers.every(({ state }) => state === 'ready') &&
          workers.reduce((sum, { restarts }) => sum + restarts, 0) === times
        )
      }
      try {
        await eventually('they are ready', () => haveRestarted(0))
        const before = threads()
        for (let deaths = 1; deaths <= 3; deaths += 1) {
          expect((await fetchAnswer(gateway.port, '/exit')).status).toBe(502)
          await eventually('a successor is ready', () => haveRestarted(deaths))
          await eventually('no other thread is there', () => threads() === before)
        }
      } finally {
        await gateway.close()
      }
    },
  )

  it('C4 run ends with exit code 1 when all workers have failed to start so often, and says why', {
    timeout: 60_000,
  }, async () => {
    const gateway = await GatewayProcess.start(
      configWith(['fragile'], { workers: 2, workerLimits: { failedStarts: 3 } }),
    )
    try {
      // What ends a worker with a session in hand is no failed start.
      for (let kills = 0; kills < 4; kills += 1)
        await eventually('a worker is up', async () => (await send(gateway.port, '/exit')).kind === 'answer')
      await eventually('one serves', async () => (await fetchAnswer(gateway.port, '/')).status === 200)
      writeFileSync(noDatabase, '')
      const endMs = performance.now() + 30_000
      let ended = false
      void gateway.exit.then(() => {
        ended = true
      })
      // Two workers have to be lost first.
      while (!ended && performance.now() < endMs) await send(gateway.port, '/exit')
      expect(await gateway.exit).toEqual({ code: 1, signal: null })
      const [line] = gateway.log.saying('all workers die again and again')
      expect(line).toMatchObject({ level: 'fatal' })
      expect(JSON.stringify(line)).toContain('the database is not there')
      const losses = gateway.log.saying('a worker was lost')
      expect(losses.length).toBeGreaterThanOrEqual(8)
      // Who had nothing in hand had no database either, and was not given a thread that was about to be ended.
      for (const loss of losses.filter(({ inFlight }) => inFlight === 0))
        expect(JSON.stringify(loss)).toContain('the database is not there')
    } finally {
      rmSync(noDatabase, { force: true })
      await gateway.close()
    }
  })

  it('C4 while no worker is up, requests are told to come again, and /ready says so', {
    timeout: 60_000,
  }, async () => {
    const gateway = await InProcessGateway.start(
      configWith(['fragile'], { workers: 1, admin: '127.0.0.1:0' }),
    )
    const ready = async (): Promise<number> =>
      (await fetchAnswer(gateway.gateway.admin?.port ?? 0, '/ready')).status
    try {
      expect(await ready()).toBe(200)
      writeFileSync(noDatabase, '')
      expect((await fetchAnswer(gateway.port, '/exit')).status).toBe(502)
      const answer = await fetchAnswer(gateway.port, '/')
      expect(answer.status).toBe(503)
      expect(answer.headers['retry-after']).toBe('1')
      expect(answer.headers['proxy-status']).toBe('headgate; error=connection_limit_reached')
      expect(await ready()).toBe(503)
      rmSync(noDatabase)
      await eventually(
        'the worker is back',
        async () => (await fetchAnswer(gateway.port, '/')).status === 200,
      )
      expect(await ready()).toBe(200)
      await gateway.settle()
    } finally {
      await gateway.close()
    }
  })
})
