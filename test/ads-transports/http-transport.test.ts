import type { IncomingMessage } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type DestinationGuard,
  decideConsent,
  FileTransport,
  HttpTransport,
  type HttpTransportOptions,
  MemoryTransport,
  NO_SIGNALS,
  SessionContext,
} from '#src/ads/index.js'
import { HttpOrigin, type OriginHandler, readBody, refusedPort } from '../support/http-origin.js'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function origin(handler: OriginHandler): Promise<{ server: HttpOrigin; url: string }> {
  const server = await HttpOrigin.start(handler)
  closing.push(() => server.close())
  return { server, url: `http://${server.address}` }
}

function transport(options?: HttpTransportOptions): HttpTransport {
  const made = new HttpTransport(options)
  closing.push(() => made.close())
  return made
}

const textOf = (body: Uint8Array): string => new TextDecoder().decode(body)

describe('HttpTransport (C-14)', () => {
  it('sends method, target, fields and body, and gives status, fields and body of whatever comes', async () => {
    const { url } = await origin(async (request, response) => {
      const body = await readBody(request)
      response.writeHead(404, {
        'X-Seen': `${request.method} ${request.url} ${request.headers['x-a']} ${body}`,
      })
      response.end('nothing')
    })
    const answer = await transport().send({ url: `${url}/p?q=[X]`, headers: { 'X-A': '1' }, body: 'data' })
    expect(answer).toMatchObject({ status: 404, url: `${url}/p?q=[X]` })
    expect(answer.headers['x-seen']).toBe('POST /p?q=[X] 1 data')
    expect(textOf(answer.body)).toBe('nothing')
  })

  it('keeps connections alive, and replaces one that died in the pool', async () => {
    const { url, server } = await origin((request, response) => {
      response.end('ok')
      if (request.url === '/last') response.once('finish', () => setImmediate(() => request.socket.destroy()))
    })
    const http = transport()
    await http.send({ url: `${url}/a` })
    await http.send({ url: `${url}/last` })
    expect(server.accepted).toBe(1)
    expect((await http.send({ url: `${url}/b` })).status).toBe(200)
    expect(server.accepted).toBe(2)
  })

  it('follows redirects, without credentials to other origins, and no more than it may', async () => {
    const seen: IncomingMessage[] = []
    const { url: other } = await origin((request, response) => {
      seen.push(request)
      response.end('there')
    })
    const { url } = await origin((request, response) => {
      const location = request.url === '/loop' ? '/loop' : `${other}/x`
      response.writeHead(302, { location }).end()
    })
    const http = transport()
    const answer = await http.send({ url, headers: { authorization: 'secret', 'x-kept': '1' } })
    expect([textOf(answer.body), answer.url]).toEqual(['there', `${other}/x`])
    expect(seen[0]?.headers).toMatchObject({ 'x-kept': '1' })
    expect(seen[0]?.headers.authorization).toBeUndefined()
    await expect(http.send({ url: `${url}/loop` })).rejects.toThrow('too many redirects')
    expect((await transport({ maxRedirects: 0 }).send({ url })).status).toBe(302)
  })

  it('C15, C-16, F-38 asks the guard for every URL and every address, redirects and names included', async () => {
    const asked: string[] = []
    const guard = (allows: boolean): DestinationGuard => ({
      checkUrl: (url) => (url.pathname === '/secret' ? 'not this path' : null),
      checkAddress: (address) => {
        asked.push(address)
        return allows ? null : 'not this address'
      },
    })
    const { url, server } = await origin((_, response) => {
      response.writeHead(302, { location: '/secret' }).end()
    })
    await expect(transport({ guard: guard(true) }).send({ url })).rejects.toMatchObject({
      reason: 'destination_ip_prohibited',
      message: 'destination refused: not this path',
    })
    expect([server.requests, asked.splice(0)]).toEqual([1, ['127.0.0.1']])
    const strict = transport({ guard: guard(false) })
    for (const host of ['localhost', '127.0.0.1']) {
      await expect(strict.send({ url: `http://${host}:${server.port}/` })).rejects.toMatchObject({
        reason: 'destination_ip_prohibited',
        message: expect.stringContaining('not this address'),
      })
    }
    expect(asked).toContain('127.0.0.1')
    expect(server.requests).toBe(1)
  })

  it('A16 bounds an answer before and after decoding, and refuses broken codings', async () => {
    const { url } = await origin((request, response) => {
      const body = request.url === '/bomb' ? gzipSync(Buffer.alloc(1_000_000)) : Buffer.alloc(2000)
      const encoding = { '/bomb': 'gzip', '/broken': 'gzip', '/odd': 'zstd' }[request.url ?? '']
      response.writeHead(200, encoding === undefined ? {} : { 'content-encoding': encoding }).end(body)
    })
    const http = transport({ maxBodyBytes: 1500 })
    for (const path of ['/big', '/bomb']) {
      await expect(http.send({ url: url + path })).rejects.toMatchObject({
        reason: 'http_response_body_size',
      })
    }
    const wide = transport()
    for (const path of ['/broken', '/odd']) {
      await expect(wide.send({ url: url + path })).rejects.toMatchObject({
        reason: 'http_response_content_coding',
      })
    }
    expect((await wide.send({ url: `${url}/bomb` })).body.length).toBe(1_000_000)
  })

  it('ends at its deadline with a timeout, and at once when the caller leaves', async () => {
    const { url, server } = await origin((_, response) => {
      response.writeHead(200).flushHeaders()
    })
    const http = transport()
    await expect(http.send({ url, timeoutMs: 80 })).rejects.toMatchObject({ code: 'HG_TIMEOUT', status: 504 })
    const left = new AbortController()
    const sent = http.send({ url, signal: left.signal })
    setTimeout(() => left.abort(new Error('gone')), 20)
    await expect(sent).rejects.toThrow('gone')
    expect(server.requests).toBeGreaterThan(0)
  })

  it('says what kept it from an answer', async () => {
    const http = transport()
    await expect(http.send({ url: `http://127.0.0.1:${await refusedPort()}/` })).rejects.toMatchObject({
      reason: 'connection_refused',
      retry: 'always',
    })
    for (const url of ['file:///etc/passwd', 'not a url', 'http://user:pw@127.0.0.1/']) {
      await expect(http.send({ url })).rejects.toMatchObject({ reason: 'destination_not_found' })
    }
    await expect(http.send({ url: 'http://127.0.0.1/', headers: { 'x-a': 'a\r\nb: c' } })).rejects.toThrow(
      'invalid value',
    )
  })
})

describe('correlation on every hop', () => {
  const TRACE = /^00-([0-9a-f]{32})-([0-9a-f]{16})-0[01]$/

  it('B-35, C-21 the correlator and the trace go with every redirect, each hop with a span of its own', async () => {
    const seen: IncomingMessage[] = []
    const { url } = await origin((request, response) => {
      seen.push(request)
      if (request.url === '/1') response.writeHead(307, { location: '/2' }).end()
      else response.end()
    })
    const context = SessionContext.create()
    await transport().send({ url: `${url}/1`, context })
    expect(seen.map((request) => request.headers['x-correlator'])).toEqual([
      context.correlator,
      context.correlator,
    ])
    const traces = seen.map((request) => TRACE.exec(String(request.headers['traceparent'])))
    expect(traces.map((it) => it?.[1])).toEqual(Array(2).fill(context.correlator.replaceAll('-', '')))
    expect(traces[0]?.[2]).not.toBe(traces[1]?.[2])
  })

  it('B-35 goes on with the trace that the request came with, and uses the field that is configured', async () => {
    const seen: IncomingMessage[] = []
    const { url } = await origin((request, response) => {
      seen.push(request)
      response.end()
    })
    const trace = '0af7651916cd43dd8448eb211c80319c'
    const metadata = { traceparent: `00-${trace}-b7ad6b7169203331-01` }
    const context = SessionContext.create({ metadata })
    await transport({ correlation: { header: 'X-Cid' } }).send({ url, context })
    await transport({ correlation: { header: null, traceparent: false } }).send({ url, context })
    expect(seen[0]?.headers['x-cid']).toBe(context.correlator)
    expect(seen[0]?.headers['traceparent']).toMatch(
      new RegExp(`^00-${trace}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`),
    )
    expect(seen[1]?.headers).not.toHaveProperty('x-correlator')
    expect(seen[1]?.headers).not.toHaveProperty('traceparent')
  })

  it('C-21 a cookie goes back to the origin that set it, to no other, and only within the same request', async () => {
    const seen: string[] = []
    const serve = (name: string) =>
      origin((request, response) => {
        seen.push(`${name}:${request.headers.cookie ?? '-'}`)
        response.setHeader('set-cookie', [
          `${name}=1; Path=/; HttpOnly`,
          `${name}gone=1; Max-Age=0`,
          'sec=1; Secure',
        ])
        response.end()
      })
    const [a, b] = [await serve('a'), await serve('b')]
    const http = transport()
    const context = SessionContext.create()
    for (const url of [a.url, b.url, a.url, b.url]) await http.send({ url, context })
    await http.send({ url: a.url, context: SessionContext.create() })
    await http.send({ url: a.url })
    expect(seen).toEqual(['a:-', 'b:-', 'a:a=1', 'b:b=1', 'a:-', 'a:-'])
  })

  it("C-21, F-28 the client's own cookies go to first-party origins only, and nowhere without consent", async () => {
    const seen: (string | undefined)[] = []
    const handler: OriginHandler = (request, response) => {
      seen.push(request.headers.cookie)
      response.setHeader('set-cookie', 's=1')
      response.end()
    }
    const [own, foreign] = [await origin(handler), await origin(handler)]
    const http = transport({ correlation: { firstPartyOrigins: [own.url] } })
    const cookies = { user_id: 'ü x', 'bad name': 'x' }
    const context = SessionContext.create({ cookies })
    await http.send({ url: own.url, context })
    await http.send({ url: foreign.url, context })
    const refused = context.with({ consent: decideConsent({ ...NO_SIGNALS, gdpr: true }) })
    await http.send({ url: own.url, context: refused })
    await http.send({ url: own.url, context: refused })
    expect(seen).toEqual(['user_id=%C3%BC%20x', undefined, undefined, undefined])
  })
})

describe('MemoryTransport and FileTransport (C-14)', () => {
  it('C-14 memory: fixed or computed answers, and what was asked', async () => {
    const memory = new MemoryTransport(({ url }) => ({ status: 201, headers: { 'X-A': '1' }, body: url }))
    const answer = await memory.send({ url: 'mem:x' })
    expect(answer).toMatchObject({ status: 201, headers: { 'x-a': '1' } })
    expect(textOf(answer.body)).toBe('mem:x')
    expect(memory.requests.map(({ url }) => url)).toEqual(['mem:x'])
    expect(textOf((await new MemoryTransport('<VAST/>').send({ url: 'mem:' })).body)).toBe('<VAST/>')
    expect(await memory.healthCheck()).toBe(true)
    await memory.close()
    expect(await memory.healthCheck()).toBe(false)
  })

  it('C-14 file: serves what lies beneath its root, and nothing else', async () => {
    const root = new URL('../fixtures/', import.meta.url).pathname
    const self = new FileTransport({ root: new URL('.', import.meta.url).pathname })
    const answer = await self.send({ url: 'https://any.example/http-transport.test.ts?x=1' })
    expect(textOf(answer.body)).toContain('serves what lies beneath its root')
    for (const url of [
      'http://x/../ads-consent/decide-consent.test.ts',
      'http://x/%2e%2e%2fsupport/turns.ts',
      'file:///etc/passwd',
      'http://x/',
    ]) {
      expect((await self.send({ url })).status).toBe(404)
    }
    expect(await new FileTransport({ root }).healthCheck()).toBe(true)
    expect(await new FileTransport({ root: '/nowhere/at/all' }).healthCheck()).toBe(false)
    const small = new FileTransport({ root: new URL('.', import.meta.url).pathname, maxBodyBytes: 10 })
    await expect(small.send({ url: 'x:/http-transport.test.ts' })).rejects.toMatchObject({
      reason: 'http_response_body_size',
    })
  })
})
