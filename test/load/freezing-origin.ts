import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

const SOURCE = `
const { createServer } = require('node:net')
const { parentPort, workerData } = require('node:worker_threads')
let requests = 0
const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy())
  socket.on('data', (bytes) => {
    const heads = bytes.toString('latin1').split('\\r\\n\\r\\n').length - 1
    for (let i = 0; i < heads; i += 1) {
      requests += 1
      if (requests === workerData.atRequest)
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, workerData.freezeMs)
      socket.write('HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok')
    }
  })
})
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
`

/** An origin in a thread of its own that stands still, as a whole, when a certain request arrives. */
export class FreezingOrigin {
  readonly url: string
  readonly #worker: Worker

  private constructor(worker: Worker, port: number) {
    this.#worker = worker
    this.url = `http://127.0.0.1:${port}`
  }

  static async start(plan: {
    readonly atRequest: number
    readonly freezeMs: number
  }): Promise<FreezingOrigin> {
    const worker = new Worker(SOURCE, { eval: true, workerData: plan })
    const [port] = (await once(worker, 'message')) as [number]
    return new FreezingOrigin(worker, port)
  }

  async stop(): Promise<void> {
    await this.#worker.terminate()
  }
}
