import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Http1Connector } from '#src/upstream/http1/connector.js'
import { RawOrigin } from './support/raw-origin.js'
import { run, start } from './support/recorder.js'

const HEAD10 = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

let connector: Http1Connector
let origin: RawOrigin

beforeEach(() => {
  connector = new Http1Connector()
})
afterEach(async () => {
  expect(connector.stats.active).toBe(0)
  connector.close()
  expect(connector.stats).toMatchObject({ active: 0, idle: 0 })
  await origin.close()
})

/** An origin that answers the first request of each connection with `text` and then does as told. */
function answersThen(text: string, then: 'fin' | 'reset' | 'stay'): Promise<RawOrigin> {
  return RawOrigin.listen(async (peer) => {
    await peer.head()
    if (then === 'fin') peer.end(text)
    else if (then === 'stay') peer.send(text)
    else peer.socket.write(text, 'latin1', () => peer.reset())
  })
}

describe('connections that cannot be made', () => {
  it('A1 refused: 502 connection_refused, may always be retried', async () => {
    origin = await RawOrigin.answering(OK)
    const { target } = origin
    await origin.close()
    const { recorder, exchange } = start(connector, target)
    await recorder.until('over')
    expect(recorder.events).toEqual(['error'])
    expect(recorder.failure).toEqual({
      code: 'HG_CONNECT_FAILED',
      status: 502,
      reason: 'connection_refused',
      retry: 'always',
    })
    expect(exchange).toMatchObject({ bytesSent: false, reused: false })
  })

  it('A1 a Unix socket that is not there: 502 connection_refused', async () => {
    origin = await RawOrigin.answering(OK)
    const target = { id: 'gone', host: '', port: 0, socketPath: `${process.cwd()}/no-such.sock` }
    expect((await run(connector, target)).failure).toMatchObject({
      status: 502,
      reason: 'connection_refused',
    })
  })

  it.each([
    ['ENOTFOUND', 'HG_CONNECT_FAILED', 502, 'dns_error'],
    ['EAI_AGAIN', 'HG_CONNECT_FAILED', 502, 'dns_error'],
    ['ETIMEOUT', 'HG_TIMEOUT', 504, 'dns_timeout'],
  ])('A3 a lookup that fails with %s: %s %d %s', async (cause, code, status, reason) => {
    origin = await RawOrigin.answering(OK)
    const failing = new Http1Connector({
      lookup: (_, __, callback) =>
        callback(Object.assign(new Error(cause), { code: cause, syscall: 'getaddrinfo' }), []),
    })
    const { failure } = await run(failing, { id: 'name', host: 'origin.test', port: 80 })
    expect(failure).toEqual({ code, status, reason, retry: 'always' })
    expect(failing.stats).toMatchObject({ active: 0, idle: 0 })
  })
})

describe('responses that end too early', () => {
  it.each([
    ['A5 after the head', HEAD10],
    ['within the body', `${HEAD10}abc`],
    ['A6 within a chunk', `${CHUNKED}5\r\nab`],
    ['A6 before the last chunk', `${CHUNKED}5\r\nabcde\r\n`],
    ['A6 within the trailers', `${CHUNKED}5\r\nabcde\r\n0\r\nA: b`],
  ])('%s: http_response_incomplete, never an end', async (_, text) => {
    for (const how of ['fin', 'reset'] as const) {
      origin = await answersThen(text, how)
      const recorder = await run(connector, origin.target)
      expect(recorder.events.slice(0, 3)).toEqual(['connected', 'sent', 'head'])
      expect(recorder.events).not.toContain('end')
      expect(recorder.failure).toEqual({
        code: 'HG_UPSTREAM_CLOSED',
        status: 502,
        reason: 'http_response_incomplete',
        retry: 'never',
      })
      await origin.close()
    }
  })

  it('within the head: http_response_incomplete, and an idempotent request may be retried', async () => {
    origin = await answersThen('HTTP/1.1 200 OK\r\nContent-', 'fin')
    expect((await run(connector, origin.target)).failure).toMatchObject({
      code: 'HG_UPSTREAM_CLOSED',
      reason: 'http_response_incomplete',
      retry: 'idempotent',
    })
  })

  it('before any byte: connection_terminated, and an idempotent request may be retried', async () => {
    for (const how of ['fin', 'reset'] as const) {
      origin = await answersThen('', how)
      const { recorder, exchange } = start(connector, origin.target)
      await recorder.until('over')
      expect(recorder.events).toEqual(['connected', 'sent', 'error'])
      expect(recorder.failure).toEqual({
        code: 'HG_UPSTREAM_CLOSED',
        status: 502,
        reason: 'connection_terminated',
        retry: 'idempotent',
      })
      expect(exchange).toMatchObject({ bytesSent: true, reused: false })
      await origin.close()
    }
  })

  it('A9 a reset after 1 MB: the bytes before it are delivered, then the error', async () => {
    const megabyte = 'x'.repeat(1_048_576)
    origin = await RawOrigin.listen(async (peer) => {
      await peer.head()
      peer.send(`HTTP/1.1 200 OK\r\nContent-Length: 2097152\r\n\r\n${megabyte}`)
      // The client says that it has read all of it.
      await peer.take('x')
      peer.reset()
    })
    const { recorder, exchange } = start(
      connector,
      origin.target,
      { method: 'POST', body: { kind: 'chunked' } },
      {
        hooks: {
          onBody: () => {
            if (recorder.bodyBytes === megabyte.length) exchange.write(Buffer.from('x'))
          },
        },
      },
    )
    await recorder.until('over')
    expect(recorder.bodyBytes).toBe(megabyte.length)
    expect(recorder.failure).toMatchObject({ reason: 'http_response_incomplete' })
  })

  it('a reset within a body that is delimited by the end of the connection is no end', async () => {
    origin = await RawOrigin.listen(async (peer) => {
      await peer.head()
      peer.send('HTTP/1.1 200 OK\r\n\r\nabc')
      await peer.take('x')
      peer.reset()
    })
    const { recorder, exchange } = start(
      connector,
      origin.target,
      { method: 'POST', body: { kind: 'chunked' } },
      { hooks: { onBody: () => exchange.write(Buffer.from('x')) } },
    )
    await recorder.until('over')
    expect(recorder.body).toBe('abc')
    expect(recorder.failure).toMatchObject({ reason: 'http_response_incomplete' })
  })

  it('a FIN ends such a body properly, and the connection is not reused', async () => {
    origin = await answersThen('HTTP/1.1 200 OK\r\n\r\nabc', 'fin')
    const recorder = await run(connector, origin.target)
    expect(recorder.events).toEqual(['connected', 'sent', 'head', 'body', 'end'])
    expect(recorder.body).toBe('abc')
    expect(connector.stats).toMatchObject({ idle: 0, dropped: 0 })
  })
})

describe('responses that are off', () => {
  it.each([
    ['A7 a body longer than its length', `${OK}surplus`, 'ok'],
    ['A7 a second response glued on', `${OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`, 'ok'],
    ['A7 bytes after the last chunk', `${CHUNKED}2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n`, 'ok'],
    ['A7 a body after a 204', 'HTTP/1.1 204 No Content\r\n\r\nsurplus', ''],
  ])('%s: delivered without it, dropped and counted', async (_, text, body) => {
    origin = await answersThen(text, 'stay')
    const recorder = await run(connector, origin.target)
    expect(recorder.events.at(-1)).toBe('end')
    expect(recorder.body).toBe(body)
    expect(connector.stats).toMatchObject({ dropped: 1, idle: 0 })
    await origin.peer(0).closed
    expect((await run(connector, origin.target)).events[0]).toBe('connected')
  })

  it('A7 surplus that comes later never reaches the next request', async () => {
    origin = await answersThen(OK, 'stay')
    await run(connector, origin.target)
    expect(connector.stats.idle).toBe(1)
    origin.peer(0).send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil')
    await origin.peer(0).closed
    expect(connector.stats).toMatchObject({ dropped: 1, idle: 0 })
    const next = await run(connector, origin.target)
    expect(next.events[0]).toBe('connected')
    expect(next.body).toBe('ok')
  })

  it.each([
    [
      'A8 Content-Length and Transfer-Encoding',
      'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n',
      'http_protocol_error',
    ],
    ['A8 two Content-Length', 'Content-Length: 3\r\nContent-Length: 3\r\n', 'http_protocol_error'],
    [
      'A8 Transfer-Encoding: gzip, chunked',
      'Transfer-Encoding: gzip, chunked\r\n',
      'http_response_transfer_coding',
    ],
    ['A10 20 KiB of head', `A: ${'a'.repeat(20_000)}\r\n`, 'http_response_header_section_size'],
    ['a folded line', 'A: b\r\n c\r\n', 'http_protocol_error'],
    ['a NUL', 'A: \0\r\n', 'http_protocol_error'],
    ['a bare LF', 'A: b\nC: d\r\n', 'http_protocol_error'],
  ])('%s: 502, nothing forwarded, connection dropped', async (_, fields, reason) => {
    origin = await answersThen(`HTTP/1.1 200 OK\r\n${fields}\r\n3\r\nabc\r\n0\r\n\r\n`, 'stay')
    const recorder = await run(connector, origin.target)
    expect(recorder.events).toEqual(['connected', 'sent', 'error'])
    expect(recorder.failure).toEqual({ code: 'HG_INVALID_RESPONSE', status: 502, reason, retry: 'never' })
    expect(connector.stats).toMatchObject({ dropped: 1, idle: 0 })
    await origin.peer(0).closed
  })

  it('a bad chunk after the head: the error comes after what was good', async () => {
    origin = await answersThen(`${CHUNKED}2\r\nab\r\nzz\r\n`, 'stay')
    const recorder = await run(connector, origin.target)
    expect(recorder.events).toEqual(['connected', 'sent', 'head', 'body', 'error'])
    expect(recorder.failure).toMatchObject({ code: 'HG_INVALID_RESPONSE', reason: 'http_protocol_error' })
  })

  it('A10 garbage, and an unasked 101: 502 http_protocol_error', async () => {
    for (const text of [
      'SSH-2.0-x\r\n',
      'HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    ]) {
      origin = await answersThen(text, 'stay')
      expect((await run(connector, origin.target)).failure).toMatchObject({
        status: 502,
        reason: 'http_protocol_error',
      })
      await origin.close()
    }
  })
})
