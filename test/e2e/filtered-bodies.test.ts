import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { compileFilters } from '../support/compile-filter.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { HttpOrigin, readBody } from '../support/http-origin.js'
import { RawClient } from '../support/raw-client.js'

/** Around what fits a frame, what is gathered, the window, and the rings. */
const SIZES = [0, 1, 16_384, 16_385, 65_536, 65_537, 262_145, 1_048_577, 3_000_000]

/** One more than the gateway buffers. */
const TOO_LARGE_BYTES = 4 * 1024 * 1024 + 1

const filters = compileFilters(new URL('./filters/shout.ts', import.meta.url))
afterAll(() => filters.remove())

function bodyOf(length: number): Buffer {
  return Buffer.alloc(length, 'The quick brown fox. ')
}

function shouted(body: Buffer): Buffer {
  return Buffer.from(body.toString('latin1').toUpperCase(), 'latin1')
}

describe.each(ACCEPTOR_KINDS)('filtered bodies over %s', (acceptor) => {
  let origin: HttpOrigin
  let gateway: InProcessGateway
  let received: Buffer[] = []

  beforeAll(async () => {
    origin = await HttpOrigin.start(async (request, response) => {
      const body = request.url === '/buffer/large' ? bodyOf(TOO_LARGE_BYTES) : await readBody(request)
      received.push(body)
      if (request.url?.endsWith('/chunked') === true) response.writeHead(200, { trailer: 'x-sum' })
      else response.writeHead(200, { 'content-length': body.length })
      response.write(body.subarray(0, body.length / 2))
      response.addTrailers({ 'x-sum': String(body.length) })
      response.end(body.subarray(body.length / 2))
    })
    const route = (where: string) => ({
      match: { path: `/${where}/*` },
      upstream: 'app',
      filters: [{ use: filters.path('shout'), with: { where } }],
    })
    gateway = await InProcessGateway.start({
      acceptor,
      limits: { bufferedBody: '4MiB' },
      upstreams: { app: { peers: [origin.address] } },
      routes: [route('stream'), route('buffer'), route('respond'), { upstream: 'app' }],
    })
  })
  beforeEach(() => {
    received = []
    origin.requests = 0
  })
  afterEach(async () => {
    await gateway.settle()
    expect(origin.failures).toEqual([])
  })
  afterAll(async () => {
    await gateway.close()
    await origin.close()
  })

  it.each(['stream', 'buffer'])(
    '%s: bodies of all sizes are changed as a whole, in both directions and framings',
    async (where) => {
      for (const size of SIZES) {
        const body = bodyOf(size)
        for (const framing of ['length', 'chunked']) {
          const headers = framing === 'chunked' ? { 'transfer-encoding': 'chunked' } : {}
          const answer = await fetchAnswer(gateway.port, `/${where}/${framing}`, {
            method: 'POST',
            headers,
            body,
          })
          expect(`${size} ${answer.status}`).toBe(`${size} 200`)
          expect(received.at(-1)?.equals(shouted(body)), `${size} bytes ${framing} at the origin`).toBe(true)
          expect(answer.body.equals(shouted(body)), `${size} bytes ${framing} at the client`).toBe(true)
        }
      }
    },
  )

  it('respond: an answer of a filter has any size, and asks nobody', async () => {
    for (const size of SIZES) {
      const answer = await fetchAnswer(gateway.port, '/respond/x', { headers: { 'x-length': size } })
      expect(answer.headers['content-length']).toBe(String(size))
      expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2'])
      expect(answer.body.equals(Buffer.alloc(size, 'A'))).toBe(true)
    }
    expect(origin.requests).toBe(0)
  })

  it('A-26 a body beyond what may be buffered gets 413, a response 502', async () => {
    const body = bodyOf(TOO_LARGE_BYTES)
    expect((await fetchAnswer(gateway.port, '/buffer/length', { method: 'POST', body })).status).toBe(413)
    expect(origin.requests).toBe(0)
    expect((await fetchAnswer(gateway.port, '/buffer/large')).status).toBe(502)
    expect(origin.requests).toBe(1)
  })

  it('without filters bodies of all sizes pass unchanged, trailers included', async () => {
    for (const size of SIZES) {
      const body = bodyOf(size)
      for (const framing of ['length', 'chunked']) {
        const client = await RawClient.connect(gateway.port)
        const head = `POST /plain/${framing} HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n`
        if (framing === 'length') await client.send(`${head}Content-Length: ${size}\r\n\r\n`)
        else await client.send(`${head}Transfer-Encoding: chunked\r\n\r\n`)
        if (framing === 'chunked' && size > 0) await client.send(`${size.toString(16)}\r\n`)
        await client.send(body)
        if (framing === 'chunked') await client.send(size > 0 ? '\r\n0\r\n\r\n' : '0\r\n\r\n')
        const { responses, problem } = await client.readResponses(1, ['POST'], 20_000)
        expect(problem).toBeNull()
        expect(responses[0]?.body.equals(body), `${size} bytes ${framing}`).toBe(true)
        expect(received.at(-1)?.equals(body)).toBe(true)
        // Trailers may be dropped (RFC 9110 §6.5.1), and uWS cannot send them.
        const keepsTrailers = framing === 'chunked' && acceptor === 'node'
        if (keepsTrailers) expect(responses[0]?.trailers).toEqual([['x-sum', String(size)]])
        await client.destroy()
      }
    }
  })
})
