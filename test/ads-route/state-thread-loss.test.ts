import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { AdServerUnderTest, inlineVast } from '../support/ad-server.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'

const folder = mkdtempSync(join(tmpdir(), 'headgate-state-loss-'))
const threads: Worker[] = []
const noteThread = (worker: Worker): void => void threads.push(worker)
let ads: AdServerUnderTest
let gateway: InProcessGateway

beforeAll(async () => {
  ads = await AdServerUnderTest.start((_, base) => inlineVast('ad', base))
  const route = (name: string, campaign: object) => ({
    match: { path: `/${name}/*` },
    adserving: {
      vast: { url: `${ads.base}/vast` },
      store: { kind: 'lmdb', path: join(folder, 'state'), durability: 'process' },
      guard: { allow: ['127.0.0.0/8'], ports: [] },
      campaigns: { [name]: campaign },
    },
  })
  process.on('worker', noteThread)
  gateway = await InProcessGateway.start({
    workers: 2,
    upstreams: { app: { peers: [ads.base.slice(7)] } },
    routes: [
      route('capped', { caps: [{ max: 2, every: '1h' }] }),
      route('paid', { caps: [], cpm: '2.00', budget: '1.00' }),
      { match: { path: '/*' }, upstream: 'app' },
    ],
  } as Parameters<typeof InProcessGateway.start>[0])
})

afterAll(async () => {
  process.off('worker', noteThread)
  await gateway.close()
  await ads.close()
  rmSync(folder, { recursive: true, force: true })
})

async function ask(path: string): Promise<string | null> {
  const headers = { cookie: 'user_id=alice' }
  const response = await fetch(`http://127.0.0.1:${gateway.port}${path}`, { headers })
  await response.arrayBuffer()
  return response.headers.get('x-ad-result')
}

it('C-09 the thread of the stores is started again when it dies: policies decide until then, and nothing is forgotten', async () => {
  expect(await ask('/capped/vast')).toBe('fill')
  expect(await ask('/paid/vast')).toBe('fill')
  // It is the first that the gateway starts: without stores no worker can.
  const [first] = threads
  const gone = new Promise((resolve) => first?.once('exit', resolve))
  await first?.terminate()
  await gone
  // While it is away caps are open and budgets closed; whoever asks gets an answer.
  const meanwhile = await Promise.all(Array.from({ length: 8 }, () => ask('/paid/vast')))
  expect(meanwhile.every((result) => result === 'fill' || result === 'budget')).toBe(true)
  await gateway.log.until((line) => line.msg === 'the thread of the state stores is back')
  expect(gateway.log.saying('the thread of the state stores ended')).toHaveLength(1)
  expect(gateway.stats.counters.state_restarts).toBe(1)
  await eventually('all workers ask the new thread', async () => {
    const results = await Promise.all(Array.from({ length: 4 }, () => ask('/paid/vast')))
    return results.every((result) => result === 'fill')
  })
  // What was counted before the death counts.
  const capped = [await ask('/capped/vast'), await ask('/capped/vast')]
  expect(capped).toEqual(['fill', 'frequency-cap'])
})
