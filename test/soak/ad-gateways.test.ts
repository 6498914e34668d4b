import { Agent, get } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS, type Backend, type StoreSpec } from '../state/stores-under-test.js'
import { AdServerUnderTest, inlineVast } from '../support/ad-server.js'
import { GatewayProcess } from '../support/gateway.js'

const SHARED = BACKENDS.filter(({ name }) => !name.startsWith('memory'))
const CLIENTS = 50
const REQUESTS = 1000

/** The store as a configuration names it. */
function storeOf(spec: StoreSpec) {
  if (spec.kind === 'lmdb') return { kind: 'lmdb', path: spec.path, durability: spec.durability }
  if (spec.kind === 'redis') return { kind: 'redis', url: spec.url }
  if (spec.kind === 'cluster') return { kind: 'redis-cluster', nodes: spec.urls }
  throw new Error(`no store for two processes: ${spec.kind}`)
}

/** What became of the ad requests of all clients, by `X-Ad-Result`. */
async function askAll(ports: readonly number[], path: string, userOf: (n: number) => string) {
  const agent = new Agent({ keepAlive: true })
  const results = new Map<string, number>()
  let asked = 0
  const ask = (port: number): Promise<string> =>
    new Promise((resolve, reject) => {
      asked += 1
      const headers = { cookie: `user_id=${userOf(asked)}` }
      get({ port, path, agent, headers }, (response) => {
        response.resume()
        response.on('end', () => resolve(String(response.headers['x-ad-result'])))
      }).on('error', reject)
    })
  const client = async (index: number): Promise<void> => {
    for (let i = 0; i < REQUESTS; i += 1) {
      const result = await ask(ports[index % ports.length] ?? 0)
      results.set(result, (results.get(result) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index)))
  agent.destroy()
  return Object.fromEntries([...results].sort())
}

const total = (results: Record<string, number>): number =>
  Object.values(results).reduce((sum, count) => sum + count, 0)

describe.each(SHARED)('two gateways on one store: $name', ({ start, available }) => {
  const test = available ? it : it.skip
  let backend: Backend
  let ads: AdServerUnderTest
  const gateways: GatewayProcess[] = []

  beforeAll(async () => {
    if (!available) return
    backend = await start()
    ads = await AdServerUnderTest.start((_, base) => inlineVast('a', base))
    const route = (name: string, campaign: object) => ({
      match: { path: `/${name}` },
      adserving: {
        vast: { url: `${ads.base}/ad` },
        store: storeOf(backend.spec),
        guard: { allow: ['127.0.0.0/8'], ports: [] },
        campaigns: { [name]: campaign },
      },
    })
    for (let i = 0; i < 2; i += 1) {
      const config = {
        workers: 2,
        upstreams: { app: { peers: [ads.base.slice(7)] } },
        routes: [
          route('capped', { caps: [{ max: 3, every: '1h' }] }),
          route('budgeted', { caps: [], cpm: '2.00', budget: '1.00' }),
          { match: { path: '/*' }, upstream: 'app' },
        ],
      }
      gateways.push(await GatewayProcess.start(config as Parameters<typeof GatewayProcess.start>[0]))
    }
  })
  afterAll(async () => {
    for (const gateway of gateways) await gateway.close()
    await ads?.close()
    await backend?.stop()
  })

  test(`B-48 cap 3: ${CLIENTS} clients with ${REQUESTS} requests each of one user get 3 ads`, async () => {
    const ports = gateways.map(({ port }) => port)
    const results = await askAll(ports, '/capped', () => 'alice')
    expect(results).toMatchObject({ fill: 3 })
    expect(total(results)).toBe(CLIENTS * REQUESTS)
  })

  test(`B-48 1.00 at CPM 2.00: ${CLIENTS} clients with ${REQUESTS} requests each get 500 ads`, async () => {
    const ports = gateways.map(({ port }) => port)
    const results = await askAll(ports, '/budgeted', (n) => `user-${n}`)
    expect(results).toMatchObject({ fill: 500 })
    expect(total(results)).toBe(CLIENTS * REQUESTS)
  })
})
