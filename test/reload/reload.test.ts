import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ReloadRefused } from '#src/supervisor/index.js'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { effectiveConfig, InProcessGateway, type TestConfig } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'
import { VersionedFilter, versionOf } from './support.js'

conserved()

let held: (() => void)[]
let origin: HttpOrigin
let filter: VersionedFilter
let config: TestConfig
beforeEach(async () => {
  held = []
  origin = await HttpOrigin.start((request, response) => {
    if (request.url === '/held') held.push(() => void response.end('held'))
    else response.end('fine')
  })
  filter = new VersionedFilter('one')
  config = {
    log: { level: 'silent' },
    upstreams: { app: { peers: [origin.address] } },
    routes: [{ upstream: 'app', filters: [filter.path] }],
  }
})
afterEach(async () => {
  filter.remove()
  await origin.close()
})

describe.each(ACCEPTOR_KINDS)('a reload over %s', (acceptor) => {
  it('gives new sessions to new workers, while the old ones finish what they have by the old filters', async () => {
    const gateway = await InProcessGateway.start({ ...config, acceptor })
    const { gateway: running, port } = gateway
    try {
      const late = versionOf(port, '/held')
      await eventually('the origin holds it', () => held.length === 1)
      filter.write('two')
      expect(await running.reload(await effectiveConfig({ ...config, acceptor }))).toBe(2)
      expect(await Promise.all([1, 2, 3, 4].map(() => versionOf(port)))).toEqual(['two', 'two', 'two', 'two'])
      // Another one waits until the seats of the first workers are free.
      filter.write('three')
      const third = running.reload(await effectiveConfig({ ...config, acceptor }))
      expect(await versionOf(port)).toBe('two')
      held[0]?.()
      expect(await late).toBe('one')
      expect(await third).toBe(3)
      expect(await versionOf(port)).toBe('three')
      const { counters } = await gateway.settle()
      expect([counters.requests, counters['status:2xx'], counters.worker_restarts]).toEqual([7, 7, 0])
    } finally {
      await gateway.close()
    }
  })
})

it('health checks that a reload brings are made, also when there was nothing to check and nobody to ask before', async () => {
  const asked: string[] = []
  const checked = await HttpOrigin.start((request, response) => {
    asked.push(request.url ?? '')
    response.end('fine')
  })
  const gateway = await InProcessGateway.start({ ...config, admin: false })
  try {
    const health = { path: '/health', interval: '100ms' } as const
    const app = { peers: [checked.address], health }
    const next = await effectiveConfig({ ...config, admin: false, upstreams: { app } })
    await gateway.gateway.reload(next)
    await eventually('the peer is checked', () => asked.includes('/health'))
    // Another one, of which the thread that is there now is told.
    const other = { ...health, path: '/other' }
    await gateway.gateway.reload(
      await effectiveConfig({ ...config, admin: false, upstreams: { app: { ...app, health: other } } }),
    )
    await eventually('it is checked otherwise', () => asked.includes('/other'))
  } finally {
    await gateway.close()
    await checked.close()
  }
})

it('routes may come, go and move: each session is answered by the routes that it began with', async () => {
  const gateway = await InProcessGateway.start(config)
  try {
    const fixed = { match: { path: '/fixed' }, respond: { status: 204 } }
    const routes = [fixed, { upstream: 'app', filters: [filter.path] }]
    expect((await fetchAnswer(gateway.port, '/fixed')).status).toBe(200)
    await gateway.gateway.reload(await effectiveConfig({ ...config, routes }))
    expect((await fetchAnswer(gateway.port, '/fixed')).status).toBe(204)
    expect(await versionOf(gateway.port)).toBe('one')
  } finally {
    await gateway.close()
  }
})

it('a worker that cannot start leaves everything as it was, and the next reload goes well', async () => {
  const gateway = await InProcessGateway.start(config)
  try {
    filter.writeText("throw new Error('no database')")
    const next = await effectiveConfig(config)
    await expect(gateway.gateway.reload(next)).rejects.toThrow('no database')
    expect(await versionOf(gateway.port)).toBe('one')
    await expect(
      gateway.gateway.reload({ ...next, listen: { host: '127.0.0.1', port: 1 } }),
    ).rejects.toBeInstanceOf(ReloadRefused)
    filter.write('two')
    expect(await gateway.gateway.reload(next)).toBe(2)
    expect(await versionOf(gateway.port)).toBe('two')
  } finally {
    await gateway.close()
  }
})

it('peers keep their standing where names match, also when other upstreams come before them', async () => {
  const dead = await HttpOrigin.start(() => undefined)
  const deadAddress = dead.address
  await dead.close()
  const app = {
    peers: [deadAddress, origin.address],
    retries: { max: 1 },
    ejection: { connectFailures: 1, time: '1h' },
  } as const satisfies TestConfig['upstreams'][string]
  const admin = '127.0.0.1:0'
  const gateway = await InProcessGateway.start({ ...config, admin, upstreams: { app } })
  const peers = async (): Promise<Record<string, [boolean, number]>> => {
    const { body } = await fetchAnswer(gateway.gateway.admin?.port ?? 0, '/stats.json')
    const { upstreams } = JSON.parse(body.toString()) as {
      upstreams: { name: string; peers: { peer: string; ejected: boolean; ejections: number }[] }[]
    }
    const found = upstreams.find(({ name }) => name === 'app')?.peers ?? []
    return Object.fromEntries(found.map(({ peer, ejected, ejections }) => [peer, [ejected, ejections]]))
  }
  try {
    while ((await peers())[deadAddress]?.[0] !== true) await fetchAnswer(gateway.port, '/')
    const upstreams = { other: { peers: ['127.0.0.1:9'] }, app }
    await gateway.gateway.reload(await effectiveConfig({ ...config, admin, upstreams }))
    await fetchAnswer(gateway.port, '/')
    expect(await peers()).toEqual({ [deadAddress]: [true, 1], [origin.address]: [false, 0] })
  } finally {
    await gateway.close()
  }
})
