import { fileURLToPath } from 'node:url'
import { ChildProcessHandle } from './child.js'
import type { MockOrigin, OriginCounters, OriginPlan } from './types.js'

/** Starts an origin that answers every request with the same bytes. @throws Error when it does not come up. */
export async function startMockOrigin(plan: OriginPlan): Promise<MockOrigin> {
  const child = new ChildProcessHandle(fileURLToPath(new URL('./origin-main.js', import.meta.url)))
  const { port, bodySha256 } = (await child.ask('start', plan)) as { port: number; bodySha256: string }
  return {
    url: `${plan.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    pid: child.pid,
    bodySha256,
    counters: async () => (await child.ask('counters', null)) as OriginCounters,
    stop: () => child.stop(),
  }
}
