import { existsSync, mkdtempSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer, type HttpAnswer } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'
import { verdict } from './support.js'

const folder = mkdtempSync(join(tmpdir(), 'headgate-warm-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('starts with what was stored at the last drain; without it after a crash, damage, or under other routes', async () => {
  const snapshot = join(folder, 'cache')
  const origin = await HttpOrigin.start((_, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60', age: '5', 'content-length': 4 }).end('body')
  })
  const start = (cache: true | { showKey: boolean } = true): Promise<InProcessGateway> =>
    InProcessGateway.start({
      workers: 1,
      cache: { size: '8MiB', maxEntrySize: '1MiB', snapshot },
      upstreams: { app: { peers: [origin.address] } },
      routes: [{ upstream: 'app', cache }],
    })
  const get = (gateway: InProcessGateway): Promise<HttpAnswer> =>
    fetchAnswer(gateway.port, '/a', { headers: { host: 'example.com' } })
  const said = (gateway: InProcessGateway, text: string): Promise<void> =>
    eventually(text, () => gateway.log.lines.some(({ msg }) => String(msg).includes(text)))
  const drained = async (gateway: InProcessGateway): Promise<void> => {
    expect(await gateway.gateway.drain()).toEqual({ lost: 0 })
  }
  try {
    let gateway = await start()
    expect(verdict(await get(gateway))).toBe('fwd=uri-miss; stored')
    await drained(gateway)
    expect(existsSync(snapshot)).toBe(true)

    gateway = await start()
    await said(gateway, 'starts with what was written')
    const warm = await get(gateway)
    expect([verdict(warm), warm.body.toString(), origin.requests]).toEqual(['hit', 'body', 1])
    expect(Number(warm.headers['age'])).toBeGreaterThanOrEqual(5)
    // It goes without a drain.
    await gateway.close()
    expect(existsSync(snapshot)).toBe(false)

    gateway = await start()
    expect(verdict(await get(gateway))).toBe('fwd=uri-miss; stored')
    await drained(gateway)
    truncateSync(snapshot, 100)
    gateway = await start()
    await said(gateway, 'damaged')
    expect(existsSync(`${snapshot}.damaged`)).toBe(true)
    expect(verdict(await get(gateway))).toBe('fwd=uri-miss; stored')
    await drained(gateway)

    gateway = await start({ showKey: true })
    await said(gateway, 'routes or upstreams were others')
    expect(verdict(await get(gateway))).toBe('fwd=uri-miss; stored')
    await gateway.close()
  } finally {
    await origin.close()
  }
}, 30_000)
