import { parentPort, workerData } from 'node:worker_threads'
import { createAdminServer } from './admin-server.js'
import type { ControlMessage, ControlTask } from './control-task.js'
import { StatsReader } from './stats.js'

// The control thread: everything that somebody may ask of the gateway is answered here, never on the acceptor's thread.
const task: ControlTask = workerData
const server = createAdminServer(new StatsReader(task))

function tell(message: ControlMessage): void {
  parentPort?.postMessage(message)
}

server.on('error', (error: NodeJS.ErrnoException) => {
  tell({ type: 'failed', code: error.code ?? 'ERR', message: error.message })
})
server.listen(task.port, task.host, () => {
  const address = server.address()
  if (typeof address === 'object' && address !== null)
    tell({ type: 'listening', host: address.address, port: address.port })
})
