import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { brotliDecompressSync, createGunzip, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { UserConfig } from '#src/config/index.js'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer, send } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'

conserved()

const MIB = 1024 * 1024
const BOMB = gzipSync(Buffer.alloc(512 * MIB), { level: 9 })
const TEXT = 'A body of some length. '.repeat(20_000)

describe.each(ACCEPTOR_KINDS)('content codings over %s', (acceptor) => {
  let origin: HttpOrigin
  let gateway: InProcessGateway
  let next: (() => void) | null = null

  beforeAll(async () => {
    origin = await HttpOrigin.start(async (request, response) => {
      if (request.url === '/open/bomb') {
        response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': BOMB.length })
        response.end(BOMB)
      } else if (request.url === '/close/events') {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        for (let i = 0; i < 3; i += 1) {
          response.write(`data: ${i}\n\n`)
          await new Promise<void>((resolve) => {
            next = resolve
          })
        }
        response.end()
      } else {
        response.writeHead(200, { 'content-type': 'text/plain', 'content-length': TEXT.length })
        response.end(TEXT)
      }
    })
    const shown = /```yaml\n(.*?)```/s.exec(
      readFileSync(new URL('../../docs/compression.md', import.meta.url), 'utf8'),
    )
    const documented = parse(shown?.[1] ?? '') as Pick<UserConfig, 'routes'>
    gateway = await InProcessGateway.start({
      acceptor,
      upstreams: { app: { peers: [origin.address], retries: { max: 0 } } },
      routes: [
        { match: { path: '/open/*' }, upstream: 'app', filters: ['decompress'] },
        { match: { path: '/close/*' }, upstream: 'app', filters: ['compress'] },
        ...(documented.routes ?? []),
      ],
    })
  })
  afterAll(async () => {
    await gateway.close()
    await origin.close()
  })

  it('A16 a gzip bomb is stopped with 502 while it is opened, memory stays, others are served', async () => {
    const before = process.memoryUsage().rss
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(gateway.port, '/open/bomb')))
    for (const answer of answers) {
      expect(answer).toMatchObject({
        kind: 'answer',
        status: 502,
        headers: { 'proxy-status': 'headgate; error=http_response_body_size' },
      })
    }
    // Eight times 512 MiB would be four GiB.
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * MIB)
    expect((await fetchAnswer(gateway.port, '/open/text')).body.toString()).toBe(TEXT)
    await eventually('it is counted', () => gateway.stats.counters['error:http_response_body_size'] === 8)
  })

  it('compresses what the client wants compressed, as documented', async () => {
    const plain = await fetchAnswer(gateway.port, '/doc')
    expect([plain.body.length, plain.headers['content-length']]).toEqual([TEXT.length, String(TEXT.length)])
    const answer = await fetchAnswer(gateway.port, '/doc', { headers: { 'accept-encoding': 'gzip, br' } })
    expect(answer.headers).toMatchObject({ 'content-encoding': 'br', vary: 'Accept-Encoding' })
    expect(brotliDecompressSync(answer.body).toString()).toBe(TEXT)
  })

  it('a stream of events is compressed, and no event waits for the next', async () => {
    const request = get({
      host: '127.0.0.1',
      port: gateway.port,
      path: '/close/events',
      headers: { 'accept-encoding': 'gzip' },
      agent: false,
    })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    let text = ''
    response.pipe(createGunzip()).on('data', (bytes: Buffer) => {
      text += bytes.toString()
    })
    for (let i = 0; i < 3; i += 1) {
      await eventually(`event ${i} is there`, () => text.endsWith(`data: ${i}\n\n`))
      next?.()
    }
  })
})
