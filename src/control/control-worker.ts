import type { Server } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'
import { SharedCounters } from '../memory/index.js'
import { counterRows, GATEWAY_COUNTERS } from '../session/counters.js'
import { useClockAnchor } from '../time/index.js'
import { Http1Connector } from '../upstream/http1/index.js'
import { HealthChecker, keepNames, type NameLog, peerChecker } from '../upstream/index.js'
import { createAdminServer } from './admin-server.js'
import { Commands } from './commands.js'
import type { ControlMessage, ControlOrder, ControlTask } from './control-task.js'
import { NamePublisher } from './name-publisher.js'
import { peerTableOf } from './peer-stats.js'
import { StatsReader } from './stats.js'

// The control thread: everything that somebody may ask of the gateway is answered here, never on the acceptor's thread; and what is
// to be done once for all workers is done here.
const task: ControlTask = workerData

/** How often lookups are counted, ms. */
const COUNT_MS = 100

function tell(message: ControlMessage): void {
  parentPort?.postMessage(message)
}

/** What goes by the configuration: names and checks. @returns ends it */
function startWork(current: ControlTask): () => void {
  const table = peerTableOf(current)
  if (table === null || current.peers === undefined) return () => undefined
  useClockAnchor(current.peers.clockAnchorMs)
  const line =
    (level: 'debug' | 'info' | 'warn'): NameLog['info'] =>
    (fields, text) =>
      tell({ type: 'log', level, fields, text })
  const names = keepNames(current.peers.dns, { debug: line('debug'), info: line('info'), warn: line('warn') })
  new NamePublisher({
    table,
    upstreams: current.peers.upstreams,
    names,
    onTooMany: (upstream, name, left) =>
      line('warn')({ upstream, name, left }, 'a name has more addresses than the table has rows for it'),
  }).start()
  const stopCounting = countLookups(names.stats)
  const checker = new HealthChecker({
    table,
    upstreams: current.peers.upstreams,
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

let stopWork = startWork(task)
const stats = new StatsReader(task)
const commands = new Commands(tell)
let server: Server | null = null
parentPort?.on('message', (order: ControlOrder) => {
  switch (order.type) {
    case 'use':
      stopWork()
      stats.use(order.task)
      stopWork = startWork(order.task)
      return
    case 'result':
      commands.onResult(order.id, order.result)
      return
    case 'unlisten':
      if (server === null) tell({ type: 'unlistened' })
      else {
        server.close()
        server.closeAllConnections()
        server.once('close', () => tell({ type: 'unlistened' }))
      }
      return
    case 'listen-again':
      listen()
  }
})

if (task.port === null) tell({ type: 'started' })
else {
  server = createAdminServer(stats, (command) => commands.run(command))
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
