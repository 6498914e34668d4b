import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer, type HttpAnswer, type HttpRequest, send } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'

const LARGE = randomBytes(7 * 1024 * 1024)

function filter(name: string): string {
  return fileURLToPath(new URL(`../fixtures/filters/${name}.mjs`, import.meta.url))
}

const sha = (body: Uint8Array): string => createHash('sha256').update(body).digest('hex')

describe.each(ACCEPTOR_KINDS)('hits over %s', (acceptor) => {
  let origin: HttpOrigin
  let gateway: InProcessGateway

  beforeAll(async () => {
    origin = await HttpOrigin.start((request, response) => {
      response.setHeader('cache-control', 'max-age=600')
      response.setHeader('etag', '"v1"')
      response.setHeader('x-internal', '1')
      if (request.url?.startsWith('/large') === true) response.end(LARGE)
      else response.end(`the answer to ${request.url}`)
    })
    gateway = await InProcessGateway.start({
      acceptor,
      workers: 1,
      cache: { size: '32MiB' },
      upstreams: { app: { peers: [origin.address] } },
      routes: [
        { match: { path: '/busy' }, upstream: 'app', filters: [filter('busy')] },
        { match: { path: '/watched/*' }, upstream: 'app', cache: true, filters: [filter('watching')] },
        {
          match: { path: '/edited/*' },
          upstream: 'app',
          cache: true,
          filters: [
            filter('upstream-only'),
            { use: 'headers', with: { response: { append: { 'X-Edited': 'yes' }, remove: ['X-Internal'] } } },
          ],
        },
        { upstream: 'app', cache: true },
      ],
    })
  }, 60_000)

  afterAll(async () => {
    await gateway?.close()
    await origin?.close()
  })

  /** Asks until it is stored: the first answer may come back before its entry is complete. */
  async function stored(path: string): Promise<void> {
    await eventually(`${path} is stored`, async () => {
      const { headers } = await fetchAnswer(gateway.port, path)
      return String(headers['cache-status']).startsWith('headgate; hit')
    })
  }

  const get = (path: string, options: HttpRequest = {}): Promise<HttpAnswer> =>
    fetchAnswer(gateway.port, path, options)

  it('come from shared memory while the only worker is busy: whole, 304, HEAD, ranges, large, edited', async () => {
    for (const path of ['/a', '/edited/a', '/large']) await stored(path)
    const before = origin.requests
    let isBusy = true
    const busy = send(gateway.port, '/busy').then((outcome) => {
      isBusy = false
      return outcome
    })
    const whole = await get('/a')
    expect([whole.status, String(whole.body)]).toEqual([200, 'the answer to /a'])
    expect(whole.headers['cache-status']).toMatch(/^headgate; hit; ttl=\d+$/)
    expect(Number(whole.headers['age'])).toBeLessThan(30)
    expect(whole.headers).toMatchObject({ via: '1.1 headgate', etag: '"v1"', 'content-length': '16' })
    expect(whole.headers['date']).toBeDefined()
    const unchanged = await get('/a', { headers: { 'if-none-match': '"v1"' } })
    expect([unchanged.status, unchanged.body.length]).toEqual([304, 0])
    const head = await get('/a', { method: 'HEAD' })
    expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, '16', 0])
    const range = await get('/a', { headers: { range: 'bytes=4-9' } })
    expect([range.status, range.headers['content-range'], String(range.body)]).toEqual([
      206,
      'bytes 4-9/16',
      'answer',
    ])
    const large = await get('/large')
    expect(sha(large.body)).toBe(sha(LARGE))
    const middle = await get('/large', { headers: { range: 'bytes=1000000-2000000' } })
    expect(sha(middle.body)).toBe(sha(LARGE.subarray(1_000_000, 2_000_001)))
    const edited = await get('/edited/a')
    expect(edited.headers['x-edited']).toBe('yes')
    expect(edited.headers['x-internal']).toBeUndefined()
    expect(isBusy).toBe(true)
    expect(origin.requests).toBe(before)
    expect((await busy).kind).toBe('answer')
    await gateway.settle()
  }, 30_000)

  it('of a route whose filters must see them are those of a worker', async () => {
    await stored('/watched/a')
    const before = origin.requests
    const watched = await get('/watched/a')
    expect(watched.headers).toMatchObject({ 'x-watched': '1' })
    expect(watched.headers['cache-status']).toMatch(/^headgate; hit/)
    expect(origin.requests).toBe(before)
  })

  it('that a client does not take hold nothing up, and end when it leaves', async () => {
    await stored('/large')
    const slow = connect(gateway.port, '127.0.0.1').pause()
    await once(slow, 'connect')
    slow.write(`GET /large HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\n\r\n`)
    await eventually('it is in flight', () => gateway.stats.inFlight > 0)
    expect((await get('/a')).status).toBe(200)
    slow.destroy()
    const { counters } = await gateway.settle()
    expect(counters.aborted).toBeGreaterThan(0)
  })
})
