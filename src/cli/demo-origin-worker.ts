import { parentPort } from 'node:worker_threads'
import { createDemoServer } from './demo-server.js'

const server = createDemoServer()
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address !== null) parentPort?.postMessage(address.port)
})
