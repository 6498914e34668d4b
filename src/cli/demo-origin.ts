import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** An origin to try the gateway with. */
export interface DemoOrigin {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  close(): Promise<void>
}

/**
 * Starts the demo origin on an ephemeral loopback port, in a thread of its own: it must not take time from the acceptor's.
 * @throws Error when the thread does not come up.
 */
export async function startDemoOrigin(): Promise<DemoOrigin> {
  const worker = new Worker(new URL('./demo-origin-worker.js', import.meta.url))
  const [port] = (await once(worker, 'message')) as [number]
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      await worker.terminate()
    },
  }
}
