import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { compileFilters } from '../support/compile-filter.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess } from '../support/gateway.js'
import { fetchAnswer, type HttpAnswer, send } from '../support/http-client.js'
import { HttpOrigin, readBody, refusedPort } from '../support/http-origin.js'

conserved()

/** What the origin does, by path. */
const BEHAVIOUR: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
  '/fine': (request, response) => void response.end(String(request.headers['x-request-id'])),
  '/silent': () => undefined,
  '/hangs-up': (request) => void readBody(request).then(() => request.socket.destroy()),
  '/garbage': (request) => void request.socket.end('SPDY/4 yes\r\n\r\n'),
  '/two-lengths': (request) =>
    void request.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'),
  '/gzip-chunked': (request) =>
    void request.socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'),
  '/no-body': (request) => void request.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'),
  '/half-a-body': (request) =>
    void request.socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n${'x'.repeat(100_000)}`),
  '/half-a-chunk': (request) =>
    void request.socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf'),
  '/no-last-chunk': (request) =>
    void request.socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'),
  '/resets': (request) =>
    void request.socket.write(
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfa000\r\n${'x'.repeat(0xfa000)}\r\n`,
      () => request.socket.resetAndDestroy(),
    ),
  '/too-long': (request) =>
    void request.socket.write(
      'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfineHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
    ),
}

const filters = compileFilters(new URL('./filters/picky.ts', import.meta.url))
afterAll(() => filters.remove())

describe.each(ACCEPTOR_KINDS)('upstream faults over %s', (acceptor) => {
  let origin: HttpOrigin
  let gateway: GatewayProcess

  beforeAll(async () => {
    origin = await HttpOrigin.start((request, response) => BEHAVIOUR[request.url ?? '']?.(request, response))
    const one = { peers: [origin.address], retries: { max: 0 } }
    gateway = await GatewayProcess.start({
      acceptor,
      admin: '127.0.0.1:0',
      upstreams: {
        app: one,
        hasty: { ...one, timeouts: { headers: '200ms' } },
        limited: { ...one, timeouts: { total: '200ms' } },
        gone: { peers: [`127.0.0.1:${await refusedPort()}`] },
      },
      routes: [
        { match: { host: 'hasty.test' }, upstream: 'hasty' },
        { match: { host: 'limited.test' }, upstream: 'limited' },
        { match: { host: 'gone.test' }, upstream: 'gone' },
        { match: { host: 'app.test' }, upstream: 'app', filters: [filters.path('picky')] },
      ],
    })
  }, 60_000)

  afterAll(async () => {
    await gateway.close()
    await origin.close()
  })

  /** Checks everything that all answers of the gateway itself have in common (design §12), log line included. */
  async function expectErrorDocument(
    answer: HttpAnswer,
    status: number,
    error: string,
    reason: string,
  ): Promise<void> {
    expect(answer.status).toBe(status)
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'proxy-status': `headgate; error=${reason}`,
      via: '1.1 headgate',
    })
    const document = JSON.parse(answer.body.toString()) as Record<string, unknown>
    expect(Object.keys(document)).toEqual(['error', 'status', 'message', 'request_id', 'timestamp'])
    expect(document).toMatchObject({ error, status })
    expect(typeof document['message']).toBe('string')
    expect(document['request_id']).toMatch(/^req-[0-9a-f-]{36}$/)
    expect(document['request_id']).toBe(answer.headers['x-request-id'])
    expect(new Date(String(document['timestamp'])).toISOString()).toBe(document['timestamp'])
    const isOurs = (line: object): boolean =>
      'reqId' in line && line.reqId === document['request_id'] && 'msg' in line && line.msg === 'session'
    const [line] = await gateway.log.until(isOurs)
    expect(line).toMatchObject({ status, reason })
  }

  it.each([
    [
      'a request that no route matches',
      'elsewhere.test',
      '/fine',
      'GET',
      404,
      'not_found',
      'destination_not_found',
    ],
    ['A1 a refused connection', 'gone.test', '/fine', 'GET', 502, 'bad_gateway', 'connection_refused'],
    [
      'A1 a refused connection for a POST',
      'gone.test',
      '/fine',
      'POST',
      502,
      'bad_gateway',
      'connection_refused',
    ],
    [
      'A4 an upstream that never answers',
      'hasty.test',
      '/silent',
      'GET',
      504,
      'gateway_timeout',
      'http_response_timeout',
    ],
    [
      'A15 a session beyond its total time',
      'limited.test',
      '/silent',
      'GET',
      504,
      'gateway_timeout',
      'http_response_timeout',
    ],
    [
      'an upstream that hangs up',
      'app.test',
      '/hangs-up',
      'POST',
      502,
      'bad_gateway',
      'connection_terminated',
    ],
    [
      'A8 garbage instead of an answer',
      'app.test',
      '/garbage',
      'GET',
      502,
      'bad_gateway',
      'http_protocol_error',
    ],
    ['A8 two lengths', 'app.test', '/two-lengths', 'GET', 502, 'bad_gateway', 'http_protocol_error'],
    [
      'A8 a coding that is not chunked',
      'app.test',
      '/gzip-chunked',
      'GET',
      502,
      'bad_gateway',
      'http_response_transfer_coding',
    ],
  ])(
    '%s: error document, Proxy-Status and log line agree',
    async (_, host, path, method, status, error, reason) => {
      const body = method === 'POST' ? { body: 'once' } : {}
      await expectErrorDocument(
        await fetchAnswer(gateway.port, path, { method, headers: { host }, ...body }),
        status,
        error,
        reason,
      )
    },
  )

  it('a request that a filter rejects gets the status and reason of the filter', async () => {
    const headers = { host: 'app.test', 'x-block': '1' }
    const answer = await fetchAnswer(gateway.port, '/fine', { headers })
    await expectErrorDocument(answer, 403, 'forbidden', 'http_request_denied')
    expect(JSON.parse(answer.body.toString())).toMatchObject({ message: 'blocked' })
  })

  it('A-23 B11 one request id stands in the answer, at the origin and in the log, whatever the client sent', async () => {
    const headers = { host: 'app.test', 'x-request-id': 'forged' }
    const answer = await fetchAnswer(gateway.port, '/fine', { headers })
    const id = answer.headers['x-request-id']
    expect(id).toMatch(/^req-/)
    expect(answer.body.toString()).toBe(id)
    const [line] = await gateway.log.until((candidate) => candidate['reqId'] === id)
    expect(line).toMatchObject({
      msg: 'session',
      status: 200,
      path: '/fine',
      method: 'GET',
      host: 'app.test',
    })
  })

  it.each([
    ['A5 the body never comes', '/no-body'],
    ['A5 the body breaks off', '/half-a-body'],
    ['A6 a chunk breaks off', '/half-a-chunk'],
    ['A6 the last chunk is missing', '/no-last-chunk'],
    ['A9 the connection is reset after a megabyte', '/resets'],
  ])('%s: the client sees that the answer is not complete', async (_, path) => {
    const outcome = await send(gateway.port, path, { headers: { host: 'app.test' } })
    // 502 if not even the head had gone out, else an answer that the client can tell is not whole.
    if (outcome.kind === 'answer') expect(outcome.status).toBe(502)
    await eventually('the log names the reason', () => {
      const lines = gateway.log.having((line) => line['path'] === path && line.msg === 'session')
      return lines.length === 1 && lines[0]?.['reason'] === 'http_response_incomplete'
    })
  })

  it('A7 what follows a complete answer on the connection of an upstream is never given to anybody', async () => {
    for (let round = 0; round < 20; round += 1) {
      const headers = { host: 'app.test' }
      expect((await fetchAnswer(gateway.port, '/too-long', { headers })).body.toString()).toBe('fine')
      const next = await fetchAnswer(gateway.port, '/fine', { headers })
      expect(next.body.toString()).toBe(next.headers['x-request-id'])
    }
  })

  it('after all this the gateway still serves, and no session is left', async () => {
    expect((await fetchAnswer(gateway.port, '/fine', { headers: { host: 'app.test' } })).status).toBe(200)
    await origin.close()
    await gateway.settle()
    gateway.signal('SIGTERM')
    expect(await gateway.exit).toEqual({ code: 0, signal: null })
    expect(gateway.log.saying('no session was lost')).toHaveLength(1)
    expect(gateway.log.saying('a worker was lost')).toEqual([])
  })
})
