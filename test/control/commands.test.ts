import { request } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer, type HttpAnswer, send } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'
import { SteadyLoad } from '../support/steady-load.js'

conserved()

const HELD_MS = 150

let origin: HttpOrigin
let gateway: InProcessGateway

async function start(workers: number, more: Partial<Parameters<typeof InProcessGateway.start>[0]> = {}) {
  gateway = await InProcessGateway.start({
    admin: '127.0.0.1:0',
    workers,
    upstreams: { app: { peers: [origin.address], retries: { max: 0 } } },
    ...more,
  })
}

const adminPort = (): number => gateway.gateway.admin?.port ?? 0
const post = (path: string): Promise<HttpAnswer> => fetchAnswer(adminPort(), path, { method: 'POST' })
const jsonOf = async (path: string) => JSON.parse((await fetchAnswer(adminPort(), path)).body.toString())

beforeAll(async () => {
  origin = await HttpOrigin.start(async (incoming, response) => {
    if (incoming.url === '/slow') await new Promise((resolve) => setTimeout(resolve, HELD_MS))
    response.end('ok')
  })
})
afterAll(() => origin.close())

/** The gateway of each test of a group ends with it. */
function closeAfterEach(): void {
  afterEach(() => gateway.close())
}

describe('POST /workers/N/restart', () => {
  closeAfterEach()

  it.each([1, 2])('with %i workers replaces one under load without a lost request', async (workers) => {
    await start(workers)
    const load = new SteadyLoad(gateway.port, '/', 4)
    const slow = new SteadyLoad(gateway.port, '/slow', 2)
    await eventually('there is load', () => load.answered > 20 && slow.answered > 1)
    const answer = await post('/workers/0/restart')
    const said = { worker: 0, successor: workers, lost: 0 }
    expect([answer.status, JSON.parse(answer.body.toString())]).toEqual([200, said])
    const answered = load.answered
    await eventually('the load goes on', () => load.answered > answered + 20)
    await Promise.all([load.stop(), slow.stop()])
    expect([...load.unusual(), ...slow.unusual()]).toEqual([])
    const all = await jsonOf('/workers')
    expect(all.map(({ worker, state }: { worker: number; state: string }) => [worker, state])).toEqual(
      [
        [1, 'ready'],
        [2, 'ready'],
      ].slice(0, workers),
    )
    const { counters } = await gateway.settle()
    expect(counters.requests).toBe(load.answered + slow.answered)
    expect(counters.worker_restarts).toBe(0)
    expect(gateway.log.saying('was recycled')).toHaveLength(1)
  })

  it('a worker that is not there is 404, one that is starting is 409, GET changes nothing', async () => {
    await start(1)
    expect((await post('/workers/1/restart')).status).toBe(404)
    expect((await post('/workers/x/restart')).status).toBe(404)
    const get = await fetchAnswer(adminPort(), '/workers/0/restart')
    expect([get.status, get.headers.allow]).toEqual([405, 'POST'])
    const held = send(gateway.port, '/slow')
    await eventually('the worker has a session', () => gateway.stats.inFlight === 1)
    const first = post('/workers/0/restart')
    await eventually('it is under way', () => gateway.log.saying('to be restarted').length === 1)
    expect((await post('/workers/0/restart')).status).toBe(409)
    expect((await first).status).toBe(200)
    expect(await held).toMatchObject({ status: 200 })
  })
})

describe('POST /drain', () => {
  closeAfterEach()

  it('finishes what is in flight, is seen at /ready, and closes', async () => {
    await start(1, { drain: { delay: '300ms' } })
    const held = send(gateway.port, '/slow')
    await eventually('a session is in flight', () => gateway.stats.inFlight === 1)
    expect((await post('/drain')).status).toBe(202)
    const ready = await fetchAnswer(adminPort(), '/ready')
    expect([ready.status, ready.body.toString()]).toEqual([503, '{"ready":false,"reasons":["draining"]}\n'])
    expect(await held).toMatchObject({ kind: 'answer', status: 200 })
    await gateway.gateway.drain()
    expect((await send(gateway.port, '/')).kind).toBe('broken-off')
  })
})

describe('what is asked of threads, all of the same gateway', () => {
  beforeAll(() => start(1, { log: { level: 'silent' } }))
  afterAll(() => gateway.close())

  it.each(['acceptor', 'control', '0'])('POST /capture profiles %s', async (thread) => {
    const load = new SteadyLoad(gateway.port, '/', 2)
    const answer = await post(`/capture?seconds=1&thread=${thread}`)
    await load.stop()
    expect(answer.status).toBe(200)
    expect(answer.headers['content-disposition']).toMatch(
      /^attachment; filename="headgate-[\w-]+\.cpuprofile"$/,
    )
    const profile = JSON.parse(answer.body.toString())
    expect(profile.samples.length).toBeGreaterThan(0)
    expect(profile.nodes[0]).toHaveProperty('callFrame')
    if (thread !== 'control') {
      const files = profile.nodes.map((node: { callFrame: { url: string } }) => node.callFrame.url).join('\n')
      expect(files).toContain(thread === 'acceptor' ? '/dist/dispatch/' : '/dist/worker/')
    }
  })

  it('wrong values are 400 or 404, with what would be right', async () => {
    for (const [path, status, message] of [
      ['/capture?seconds=0', 400, 'from 1 to 60'],
      ['/capture?seconds=61', 400, 'from 1 to 60'],
      ['/capture?thread=7', 404, 'acceptor, control or the number of a worker'],
      ['/logs/level?level=loud', 400, 'trace, debug, info'],
      ['/logs/level', 400, 'trace, debug, info'],
    ] as const) {
      const answer = await post(path)
      expect([path, answer.status]).toEqual([path, status])
      expect(answer.body.toString()).toContain(message)
    }
  })

  it('POST /logs/level changes the level of all threads, and is told by GET', async () => {
    expect(await jsonOf('/logs/level')).toEqual({ level: 'silent' })
    expect((await post('/logs/level?level=error')).status).toBe(200)
    expect(await jsonOf('/logs/level')).toEqual({ level: 'error' })
    expect(gateway.log.saying('the log level changes')).toHaveLength(1)
    await post('/logs/level?level=silent')
  })
})

describe('what the gateway tells', () => {
  closeAfterEach()

  it('C16 /metrics agrees with what the client saw, by route, method and code', async () => {
    await start(2, {
      routes: [
        { match: { path: '/gone/*' }, respond: { status: 410, body: 'gone' } },
        { match: { path: '/api/*' }, upstream: 'app' },
      ],
    })
    for (let n = 0; n < 5; n += 1) await send(gateway.port, '/api/x')
    for (let n = 0; n < 3; n += 1) await send(gateway.port, '/gone/x', { method: 'DELETE' })
    await send(gateway.port, '/nowhere')
    await gateway.settle()
    const metrics = (await fetchAnswer(adminPort(), '/metrics')).body.toString()
    expect(metrics.split('\n').filter((line) => line.startsWith('headgate_requests_total'))).toEqual([
      'headgate_requests_total{route="/gone/*",method="DELETE",code="410"} 3',
      'headgate_requests_total{route="/api/*",method="GET",code="200"} 5',
      'headgate_requests_total{route="_unrouted",method="GET",code="404"} 1',
    ])
    const stats = await jsonOf('/stats.json')
    expect(stats.errors[0]).toMatchObject({ status: 404, route: null, reason: 'destination_not_found' })
    expect(stats.routes[1].latency.total.count).toBe(5)
    const openMetrics = await fetchAnswer(adminPort(), '/metrics', {
      headers: { accept: 'application/openmetrics-text; version=1.0.0' },
    })
    expect(openMetrics.headers['content-type']).toContain('application/openmetrics-text')
    expect(openMetrics.body.toString().endsWith('# EOF\n')).toBe(true)
  })

  it('a client that leaves before the answer is 499, not a fault of the gateway', async () => {
    await start(1)
    const outgoing = request({ host: '127.0.0.1', port: gateway.port, path: '/slow', agent: false })
    outgoing.on('error', () => undefined)
    outgoing.end()
    await eventually('it is in flight', () => gateway.stats.inFlight === 1)
    outgoing.destroy()
    await gateway.settle()
    const metrics = (await fetchAnswer(adminPort(), '/metrics')).body.toString()
    expect(metrics).toContain('headgate_requests_total{route="/*",method="GET",code="499"} 1\n')
  })

  it('the histogram log can be asked for a route and phase, the last seconds, or as percentiles', async () => {
    await start(1)
    await send(gateway.port, '/')
    await gateway.settle()
    const of = async (query: string) => {
      const { status, body } = await fetchAnswer(adminPort(), `/histogram.hlog${query}`)
      return [
        status,
        body
          .toString()
          .split('\n')
          .filter((line) => line.startsWith('Tag=')).length,
      ]
    }
    await eventually('the session is recorded', async () => (await of('?phase=total'))[1] === 1)
    expect(await of('?route=%2F*&phase=total')).toEqual([200, 1])
    expect((await of('?route=%2Fother'))[0]).toBe(404)
    expect((await of('?phase=lunch'))[0]).toBe(404)
    expect((await of('?last=0'))[0]).toBe(400)
    await eventually('a second is over', async () => (await of('?phase=total&last=60'))[1] === 1)
    const text = (
      await fetchAnswer(adminPort(), '/histogram.hlog?format=percentiles&phase=total')
    ).body.toString()
    expect(text).toContain('1/(1-Percentile)')
  })

  it('B23 with a token everything but /live and /ready asks for it; a wrong Host or Origin is refused', async () => {
    const token = 'canary-51f3a2c4d5e6f7'
    await start(1, { admin: { listen: '127.0.0.1:0', token, hosts: ['Gate.Example'] } })
    const status = async (path: string, headers: Record<string, string> = {}, method = 'GET') =>
      (await fetchAnswer(adminPort(), path, { headers, method })).status
    expect([await status('/live'), await status('/ready')]).toEqual([200, 200])
    for (const path of ['/', '/metrics', '/stats.json', '/config', '/events', '/nothing'])
      expect(await status(path)).toBe(401)
    expect(await status('/drain', {}, 'POST')).toBe(401)
    const authorization = `Bearer ${token}`
    expect(await status('/metrics', { authorization })).toBe(200)
    expect(await status('/metrics', { authorization, host: 'gate.example:9901' })).toBe(200)
    expect(await status('/metrics', { authorization, host: 'evil.example' })).toBe(421)
    expect(await status('/drain', { authorization, origin: 'http://evil.example' }, 'POST')).toBe(403)
    const config = (await fetchAnswer(adminPort(), '/config', { headers: { authorization } })).body.toString()
    expect(config).toContain('"token": "[redacted]"')
    expect(config).not.toContain(token)
    expect(
      (await fetchAnswer(adminPort(), '/nothing', { headers: { authorization } })).body.toString(),
    ).toContain('POST /workers/:worker/restart')
  })
})
