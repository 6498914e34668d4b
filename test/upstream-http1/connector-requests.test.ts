import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { Http1Connector } from '#src/upstream/http1/connector.js'
import type { UpstreamRequest } from '#src/upstream/http1/types.js'
import { RawOrigin } from './support/raw-origin.js'
import { run, start } from './support/recorder.js'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const connector = new Http1Connector()
let origin: RawOrigin

afterEach(() => origin.close())

/** What reaches the origin of a request whose wire form ends with `last`. */
async function wireOf(
  request: Partial<UpstreamRequest>,
  last: string,
  feed?: (body: string[]) => void,
): Promise<string> {
  let seen = ''
  origin = await RawOrigin.listen(async (peer) => {
    seen = await peer.take(last)
    peer.send(OK)
  })
  const { recorder, exchange } = start(connector, origin.target, request)
  const body: string[] = []
  feed?.(body)
  for (const piece of body) exchange.write(Buffer.from(piece, 'latin1'))
  exchange.end()
  await recorder.until('over')
  expect(recorder.error).toBeNull()
  return seen
}

describe('requests on the wire', () => {
  it('writes the head as given, with nothing added to a GET', async () => {
    expect(await wireOf({ target: '/a?b=c' }, '\r\n\r\n')).toBe(
      'GET /a?b=c HTTP/1.1\r\nHost: origin.test\r\n\r\n',
    )
  })

  it.each(['POST', 'PUT', 'PATCH'])('says Content-Length: 0 for a %s without body', async (method) => {
    expect(await wireOf({ method }, '\r\n\r\n')).toContain('\r\nContent-Length: 0\r\n\r\n')
  })

  it('says nothing about content for DELETE and unknown methods without body', async () => {
    expect(await wireOf({ method: 'PURGE' }, '\r\n\r\n')).toBe(
      'PURGE / HTTP/1.1\r\nHost: origin.test\r\n\r\n',
    )
  })

  it('frames a body of known length', async () => {
    const wire = await wireOf({ method: 'POST', body: { kind: 'length', length: 5 } }, 'hello', (it) =>
      it.push('he', 'llo'),
    )
    expect(wire).toBe('POST / HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 5\r\n\r\nhello')
  })

  it('frames a body of unknown length in chunks, and leaves empty pieces out', async () => {
    const wire = await wireOf({ method: 'POST', body: { kind: 'chunked' } }, '0\r\n\r\n', (it) => {
      it.push('he', '', 'l'.repeat(18))
    })
    expect(wire).toBe(
      `POST / HTTP/1.1\r\nHost: origin.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n12\r\n${'l'.repeat(18)}\r\n0\r\n\r\n`,
    )
  })

  it.each([0, 3, 5000, 200_000])('sends a body of %d bytes that is at hand', async (length) => {
    const bodyBytes = Buffer.alloc(length, 'a\xff\n', 'latin1')
    const wire = await wireOf(
      { method: 'POST', body: { kind: 'length', length }, bodyBytes },
      `\r\n\r\n${bodyBytes.toString('latin1')}`,
    )
    expect(wire).toContain(`\r\nContent-Length: ${length}\r\n\r\n`)
  })

  it.each(['', 'abc'])('sends %j that is at hand in chunks', async (text) => {
    const wire = await wireOf(
      { method: 'POST', body: { kind: 'chunked' }, bodyBytes: Buffer.from(text) },
      '0\r\n\r\n',
    )
    expect(wire.endsWith(text === '' ? '\r\n\r\n0\r\n\r\n' : '\r\n\r\n3\r\nabc\r\n0\r\n\r\n')).toBe(true)
  })

  it('copies what it is given, so that the caller may reuse its memory at once', async () => {
    origin = await RawOrigin.listen(async (peer) => {
      await peer.take('abcabc')
      peer.send(OK)
    })
    const { recorder, exchange } = start(connector, origin.target, {
      method: 'POST',
      body: { kind: 'length', length: 6 },
    })
    const memory = Buffer.from('abc')
    exchange.write(memory)
    memory.fill('x')
    await recorder.until('connected')
    memory.write('abc')
    exchange.write(memory)
    memory.fill('x')
    await recorder.until('over')
    expect(recorder.body).toBe('ok')
  })

  it('reaches an origin behind a Unix socket', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'headgate-'))
    origin = await RawOrigin.listen(
      async (peer) => {
        await peer.head()
        peer.send(OK)
      },
      { socketPath: join(folder, 'origin.sock') },
    )
    expect((await run(connector, origin.target)).body).toBe('ok')
    await rm(folder, { recursive: true })
  })

  it('tries the other address family when a name has both', async () => {
    origin = await RawOrigin.answering(OK)
    const both = new Http1Connector({
      lookup: (_, __, callback) =>
        callback(null, [
          { address: '::1', family: 6 },
          { address: '127.0.0.1', family: 4 },
        ]),
    })
    const target = { id: 'both', host: 'origin.test', port: origin.target.port }
    expect((await run(both, target)).body).toBe('ok')
    expect((await run(both, target)).events[0]).toBe('reused')
    both.close()
  })
})

describe('requests that must not be written', () => {
  it.each([
    ['a target with CRLF', { target: '/a HTTP/1.1\r\nX: y' }],
    ['a target with a bare LF', { target: '/a\nb' }],
    ['a target with a blank', { target: '/a b' }],
    ['a target above U+00FF', { target: '/\u010d\u010a' }],
    ['an empty target', { target: '' }],
    ['a method with CRLF', { method: 'GET / HTTP/1.1\r\n\r\nGET' }],
    ['CONNECT', { method: 'CONNECT', target: 'a:443' }],
    ['a header block without its last CRLF', { headerBlock: 'Host: a' }],
    ['a header block with an empty line', { headerBlock: 'Host: a\r\n\r\nGET / HTTP/1.1\r\n' }],
    ['a header block that starts with an empty line', { headerBlock: '\r\nHost: a\r\n' }],
    ['a header block above U+00FF', { headerBlock: 'Host: \u010d\u010a\r\n' }],
    ['an upgrade with CRLF', { upgrade: 'websocket\r\nX: y' }],
    [
      'a body that is not as long as announced',
      { body: { kind: 'length', length: 4 } as const, bodyBytes: Buffer.from('abc') },
    ],
    ['a body where none was announced', { bodyBytes: Buffer.from('abc') }],
    ['a negative length', { body: { kind: 'length', length: -1 } as const }],
    ['a port that cannot be', { port: 99_999 }],
  ])('%s: HG_INTERNAL, and no connection', async (_, request) => {
    origin = await RawOrigin.answering(OK)
    const fresh = new Http1Connector()
    const target = 'port' in request ? { ...origin.target, port: request.port } : origin.target
    const { recorder, exchange } = start(fresh, target, 'port' in request ? {} : request)
    expect(recorder.events).toEqual([])
    await recorder.until('over')
    expect(recorder.events).toEqual(['error'])
    expect(recorder.failure).toMatchObject({ code: 'HG_INTERNAL', status: 500, retry: 'never' })
    expect(exchange.bytesSent).toBe(false)
    expect(fresh.stats).toMatchObject({ active: 0, idle: 0 })
    expect(origin.peers).toEqual([])
  })

  it('never writes more of a body than announced', async () => {
    let received = ''
    origin = await RawOrigin.listen(async (peer) => {
      await peer.closed
      received = peer.received
    })
    const { recorder, exchange } = start(connector, origin.target, {
      method: 'POST',
      body: { kind: 'length', length: 3 },
    })
    await recorder.until('connected')
    exchange.write(Buffer.from('ab'))
    exchange.write(Buffer.from('cd'))
    expect(recorder.error).toBeNull()
    await recorder.until('error')
    expect(recorder.failure).toMatchObject({ code: 'HG_INTERNAL', reason: 'proxy_internal_error' })
    await origin.peer(0).closed
    expect(received.endsWith('\r\n\r\nab')).toBe(true)
  })

  it('aborts a request whose body ends short', async () => {
    origin = await RawOrigin.listen(() => {})
    const { recorder, exchange } = start(connector, origin.target, {
      method: 'POST',
      body: { kind: 'length', length: 3 },
    })
    await recorder.until('connected')
    exchange.write(Buffer.from('ab'))
    exchange.end()
    await recorder.until('error')
    expect(recorder.failure).toMatchObject({ code: 'HG_INTERNAL' })
    await origin.peer(0).closed
  })
})

describe('request bodies under way', () => {
  it('says to wait when the upstream does not read, and when to go on', async () => {
    origin = await RawOrigin.listen((peer) => {
      peer.socket.pause()
    })
    const { recorder, exchange } = start(connector, origin.target, {
      method: 'POST',
      body: { kind: 'chunked' },
    })
    await recorder.until('connected')
    const piece = Buffer.alloc(65_536)
    let written = 0
    while (exchange.write(piece)) written += piece.length
    // What the two kernels and one high-water mark hold; endless if write never said no.
    expect(written).toBeLessThan(64 * 1024 * 1024)
    expect(recorder.events).not.toContain('drain')
    origin.peer(0).socket.resume()
    await recorder.until('drain')
    exchange.end()
    await origin.peer(0).take('\r\n0\r\n\r\n')
    origin.peer(0).send(OK)
    await recorder.until('end')
  })

  it('keeps what is written before the connection is there', async () => {
    origin = await RawOrigin.listen(async (peer) => {
      await peer.take('0\r\n\r\n')
      peer.send(OK)
    })
    const { recorder, exchange } = start(connector, origin.target, {
      method: 'POST',
      body: { kind: 'chunked' },
    })
    expect(exchange.write(Buffer.from('abc'))).toBe(false)
    expect(exchange.bytesSent).toBe(false)
    await recorder.until('drain')
    expect(exchange.bytesSent).toBe(true)
    expect(exchange.write(Buffer.from('def'))).toBe(true)
    exchange.end()
    await recorder.until('end')
    expect(recorder.events).toEqual(['connected', 'drain', 'sent', 'head', 'body', 'end'])
  })

  it('writes a body from within onConnected behind the head', async () => {
    origin = await RawOrigin.listen(async (peer) => {
      const head = await peer.head()
      await peer.take('abc')
      peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${head.length}\r\n\r\n${head}`)
    })
    const { recorder, exchange } = start(
      connector,
      origin.target,
      { method: 'POST', body: { kind: 'length', length: 3 } },
      { hooks: { onConnected: () => exchange.write(Buffer.from('abc')) } },
    )
    await recorder.until('end')
    expect(recorder.body.startsWith('POST / HTTP/1.1\r\n')).toBe(true)
  })
})
