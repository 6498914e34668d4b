import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.js'
import { effectiveConfig, InProcessGateway, type TestConfig } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'

let folder: string
let origin: HttpOrigin
let gateway: InProcessGateway
let config: TestConfig
let asked: number

const A = { match: { path: '/a' }, upstream: 'app', cache: true } as const
const B = { match: { path: '/b' }, upstream: 'app' } as const
const C = { match: { path: '/c' }, upstream: 'app', cache: true } as const

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'headgate-reload-'))
  asked = 0
  origin = await HttpOrigin.start((request, response) => {
    asked += 1
    response.setHeader('cache-control', request.url === '/b' ? 'no-store' : 'max-age=3600')
    response.end(request.url)
  })
  config = {
    admin: '127.0.0.1:0',
    workers: 1,
    log: { level: 'info' },
    accessLog: { file: join(folder, 'access.log') },
    upstreams: { app: { peers: [origin.address] } },
    routes: [A, B],
  }
  gateway = await InProcessGateway.start(config)
})
afterEach(async () => {
  await gateway.close()
  await origin.close()
  rmSync(folder, { recursive: true, force: true })
})

const get = (path: string) => fetchAnswer(gateway.port, path)
const admin = async (path: string) =>
  JSON.parse((await fetchAnswer(gateway.gateway.admin?.port ?? 0, path)).body.toString())
const reload = async (more: Partial<TestConfig>) =>
  gateway.gateway.reload(await effectiveConfig({ ...config, ...more }))
const requestsOf = async (): Promise<Record<string, [number, number]>> => {
  const routes = (await admin('/routes')) as {
    name: string
    requests: number
    latency: { total: { count: number } }
  }[]
  return Object.fromEntries(
    routes.map(({ name, requests, latency }) => [name, [requests, latency.total.count]]),
  )
}

describe('after a reload with other routes', () => {
  it('answers and latencies stand with the routes of their names, also those of the acceptor', async () => {
    for (const path of ['/a', '/a', '/b', '/none']) await get(path)
    await eventually('all is recorded', async () => (await requestsOf())['/b']?.[1] === 1)
    expect(await reload({ routes: [C, B, A] })).toBe(2)
    await eventually('the admin listener knows', async () => '/c' in (await requestsOf()))
    for (const path of ['/c', '/b', '/none']) await get(path)
    await eventually('all is told', async () => (await requestsOf())['/b']?.[1] === 2)
    expect(await requestsOf()).toEqual({ '/c': [1, 1], '/b': [2, 2], '/a': [2, 2], _unrouted: [2, 2] })
  })

  it('what the cache holds is still served without a worker, and new routes get into it', async () => {
    await get('/a')
    await get('/a')
    expect(asked).toBe(1)
    await reload({ routes: [C, B, A] })
    expect((await get('/a')).headers['cache-status']).toContain('hit')
    await get('/c')
    await eventually('it is a hit', async () =>
      String((await get('/c')).headers['cache-status']).includes('hit'),
    )
    expect(asked).toBe(2)
    const { routes } = await admin('/cache')
    expect(routes.map(({ route, hits }: { route: string; hits: number }) => [route, hits])).toEqual([
      ['/c', 1],
      ['/a', 1],
    ])
    const purged = await fetchAnswer(
      gateway.gateway.admin?.port ?? 0,
      `/cache/purge?url=http://127.0.0.1:${gateway.port}/a`,
      { method: 'POST' },
    )
    expect(purged.status).toBe(200)
  })

  it('the access log goes on, to another file where one is named', async () => {
    const lines = (name: string) => {
      const text = readFileSync(join(folder, name), 'utf8').trim()
      return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as { route?: string })
    }
    await get('/b')
    await reload({ routes: [C, B, A] })
    await get('/b')
    await eventually('both stand there', () => lines('access.log').length === 2)
    await reload({ routes: [B], accessLog: { file: join(folder, 'other.log') } })
    await get('/b')
    await get('/none')
    await eventually('the new ones stand in the other file', () => lines('other.log').length === 2)
    expect([...lines('access.log'), ...lines('other.log')].map(({ route = '-' }) => route).sort()).toEqual([
      '-',
      '/b',
      '/b',
      '/b',
    ])
  })

  it('another size of the cache is refused, with the reason', async () => {
    await expect(reload({ cache: { size: '32MiB' } })).rejects.toThrow("'cache'")
  })
})
