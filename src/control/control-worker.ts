import type { Server } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'
import { SharedCounters } from '../memory/index.js'
import { counterRows, GATEWAY_COUNTERS } from '../session/counters.js'
import { useClockAnchor } from '../time/index.js'
import { Http1Connector } from '../upstream/http1/index.js'
import { HealthChecker, keepNames, type NameLog, peerChecker } from '../upstream/index.js'
import { createAdminServer } from './admin-server.js'
import { CacheAdmin } from './cache-admin.js'
import type { ControlMessage, ControlOrder, ControlTask } from './control-task.js'
import type { Endpoint } from './endpoint.js'
import { adminEndpoints } from './endpoints.js'
import { startExports } from './exports.js'
import { LiveFeed } from './live-feed.js'
import { NamePublisher } from './name-publisher.js'
import { peerTableOf } from './peer-stats.js'
import { RemoteCommander } from './remote-commander.js'
import { StatsReader } from './stats-reader.js'

// The control thread: everything that somebody may ask of the gateway is answered here, never on the acceptor's thread; and what is
// to be done once for all workers is done here.
const task: ControlTask = workerData

/** How often lookups are counted, ms. */
const COUNT_MS = 100
/** Length of the shortest window of rates and histograms, ms. */
const TICK_MS = 1000

function tell(message: ControlMessage): void {
  parentPort?.postMessage(message)
}

/** What goes by the configuration: names and checks. @returns ends it */
function startWork(now: ControlTask): () => void {
  const table = peerTableOf(now)
  if (table === null || now.peers === undefined) return () => undefined
  useClockAnchor(now.peers.clockAnchorMs)
  const line =
    (level: 'debug' | 'info' | 'warn'): NameLog['info'] =>
    (fields, text) =>
      tell({ type: 'log', level, fields, text })
  const names = keepNames(now.peers.dns, { debug: line('debug'), info: line('info'), warn: line('warn') })
  new NamePublisher({
    table,
    upstreams: now.peers.upstreams,
    names,
    onTooMany: (upstream, name, left) =>
      line('warn')({ upstream, name, left }, 'a name has more addresses than the table has rows for it'),
  }).start()
  const stopCounting = countLookups(names.stats)
  const checker = new HealthChecker({
    table,
    upstreams: now.peers.upstreams,
    check: peerChecker(new Http1Connector({ maxIdle: 0, names })),
    onEvent: (event) => tell({ type: 'health', event }),
  })
  checker.start()
  return () => {
    checker.stop()
    names.close()
    stopCounting()
  }
}

let current = task
let stopWork = startWork(task)

const exports = startExports(task, () => current, tell)

const commands = new RemoteCommander((id, command) => tell({ type: 'command', id, command }))
let server: Server | null = null
/** Puts another configuration before those who look at it. */
let show: (next: ControlTask) => void = () => undefined
parentPort?.on('message', (order: ControlOrder) => {
  switch (order.type) {
    case 'use':
      stopWork()
      current = order.task
      show(current)
      stopWork = startWork(current)
      return
    case 'result':
      commands.onResult(order.id, order.result)
      return
    case 'unlisten':
      if (server === null) tell({ type: 'unlistened' })
      else {
        server.once('close', () => tell({ type: 'unlistened' }))
        server.close()
        server.closeAllConnections()
      }
      return
    case 'listen-again':
      listen()
      return
    case 'spans':
      exports.addSpans(order.spans)
      tell({ type: 'spans-taken', count: order.spans.length })
      return
    case 'finish':
      void exports.close().then(() => tell({ type: 'finished' }))
  }
})

if (task.port === null) tell({ type: 'started' })
else {
  const stats = new StatsReader(task)
  const feed = new LiveFeed(stats)
  setInterval(() => {
    stats.sampler.tick(Date.now())
    feed.tick()
  }, TICK_MS)
  const cache = CacheAdmin.of(task, stats.cache)
  const endpoints: Endpoint[] = [...adminEndpoints({ stats, feed, commands, cache })]
  show = (next) => {
    const { routes } = stats.task
    stats.use(next)
    feed.follow(routes)
    const nextCache = CacheAdmin.of(next, stats.cache)
    endpoints.splice(0, endpoints.length, ...adminEndpoints({ stats, feed, commands, cache: nextCache }))
  }
  server = createAdminServer(endpoints, task.access)
  server.on('error', (error: NodeJS.ErrnoException) => {
    tell({ type: 'failed', code: error.code ?? 'ERR', message: error.message })
  })
  listen()
}

function listen(): void {
  server?.listen(task.port ?? 0, task.host, () => {
    const address = server?.address()
    if (typeof address === 'object' && address !== null)
      tell({ type: 'listening', host: address.address, port: address.port })
  })
}

/** The row behind those of the workers is this thread's. The timer keeps the thread alive, those of names do not. */
function countLookups(stats: Readonly<Record<'lookups' | 'failures', number>>): () => void {
  const rows = counterRows(task.workers)
  const counters = new SharedCounters(GATEWAY_COUNTERS, rows, task.counters).row(rows - 1)
  let lookups = 0
  let failures = 0
  const timer = setInterval(() => {
    counters.add('dns_lookups', stats.lookups - lookups)
    counters.add('dns_failures', stats.failures - failures)
    lookups = stats.lookups
    failures = stats.failures
  }, COUNT_MS)
  return () => clearInterval(timer)
}
