import { parentPort, workerData } from 'node:worker_threads'
import { useClockAnchor } from '../time/index.js'
import { Http1Connector } from '../upstream/http1/index.js'
import { HealthChecker, peerChecker } from '../upstream/index.js'
import { createAdminServer } from './admin-server.js'
import type { ControlMessage, ControlTask } from './control-task.js'
import { peerTableOf } from './peer-stats.js'
import { StatsReader } from './stats.js'

// The control thread: everything that somebody may ask of the gateway is answered here, never on the acceptor's thread; and what is
// to be done once for all workers is done here.
const task: ControlTask = workerData

function tell(message: ControlMessage): void {
  parentPort?.postMessage(message)
}

if (task.peers !== undefined) useClockAnchor(task.peers.clockAnchorMs)
const table = peerTableOf(task)
if (table !== null && task.peers !== undefined) {
  new HealthChecker({
    table,
    upstreams: task.peers.upstreams,
    check: peerChecker(new Http1Connector({ maxIdle: 0 })),
    onEvent: (event) => tell({ type: 'health', event }),
  }).start()
}

if (task.port === null) tell({ type: 'started' })
else {
  const server = createAdminServer(new StatsReader(task))
  server.on('error', (error: NodeJS.ErrnoException) => {
    tell({ type: 'failed', code: error.code ?? 'ERR', message: error.message })
  })
  server.listen(task.port, task.host, () => {
    const address = server.address()
    if (typeof address === 'object' && address !== null)
      tell({ type: 'listening', host: address.address, port: address.port })
  })
}
