import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Http1Connector } from '#src/upstream/http1/connector.js'
import { ManualClock } from './support/manual-clock.js'
import { RawOrigin } from './support/raw-origin.js'
import { start } from './support/recorder.js'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const timeouts = { connectMs: 1000, headersMs: 2000, idleMs: 3000 }

let clock: ManualClock
let connector: Http1Connector
let origin: RawOrigin

beforeEach(() => {
  clock = new ManualClock()
  connector = new Http1Connector({ wheel: { clock } })
})
afterEach(async () => {
  connector.close()
  expect(connector.stats).toMatchObject({ active: 0, idle: 0 })
  await origin.close()
})

describe('connect deadline', () => {
  it('A2 no connection in time: 504 connection_timeout, may always be retried', async () => {
    origin = await RawOrigin.answering(OK)
    const { recorder } = start(connector, origin.target, {}, { timeouts })
    // Time passes before the event loop could see the connection made.
    clock.advance(950)
    expect(recorder.events).toEqual([])
    clock.advance(150)
    expect(recorder.failure).toEqual({
      code: 'HG_TIMEOUT',
      status: 504,
      reason: 'connection_timeout',
      retry: 'always',
    })
    expect(connector.stats).toMatchObject({ opened: 1, active: 0 })
  })

  it('A2 covers the TLS handshake', async () => {
    let sayHello = () => {}
    const hello = new Promise<void>((resolve) => {
      sayHello = resolve
    })
    origin = await RawOrigin.listen(async (peer) => {
      await peer.take('\x16')
      sayHello()
    })
    const target = { ...origin.target, id: 'tls', tls: { servername: 'origin.test', verify: true } }
    const { recorder } = start(connector, target, {}, { timeouts })
    // The client hello has come and is not answered.
    await hello
    clock.advance(1100)
    expect(recorder.failure).toMatchObject({ status: 504, reason: 'connection_timeout', retry: 'always' })
    await origin.peer(0).closed
  })

  it('A3 a name that is not resolved in time: 504 dns_timeout', async () => {
    origin = await RawOrigin.answering(OK)
    const slow = new Http1Connector({ wheel: { clock }, lookup: () => {} })
    const { recorder } = start(slow, { id: 'name', host: 'origin.test', port: 80 }, {}, { timeouts })
    clock.advance(1100)
    expect(recorder.failure).toEqual({
      code: 'HG_TIMEOUT',
      status: 504,
      reason: 'dns_timeout',
      retry: 'always',
    })
  })

  it('is over when the connection is made', async () => {
    origin = await RawOrigin.listen(() => {})
    const { recorder } = start(connector, origin.target, {}, { timeouts })
    await recorder.until('sent')
    clock.advance(1900)
    expect(recorder.error).toBeNull()
    clock.advance(200)
    expect(recorder.failure).toMatchObject({ reason: 'http_response_timeout' })
  })
})

describe('headers deadline', () => {
  it('A4 no head in time: 504 http_response_timeout, the connection is closed', async () => {
    origin = await RawOrigin.listen(() => {})
    const { recorder } = start(connector, origin.target, {}, { timeouts })
    await recorder.until('sent')
    clock.advance(2100)
    expect(recorder.failure).toEqual({
      code: 'HG_TIMEOUT',
      status: 504,
      reason: 'http_response_timeout',
      retry: 'idempotent',
    })
    await origin.peer(0).closed
    expect(connector.stats).toMatchObject({ active: 0, idle: 0 })
  })

  it('is not prolonged by interim responses nor by a head that drips', async () => {
    origin = await RawOrigin.listen(async (peer) => {
      await peer.head()
      peer.send('HTTP/1.1 103 Early Hints\r\n\r\n')
    })
    const { recorder } = start(connector, origin.target, {}, { timeouts })
    await recorder.until('sent')
    clock.advance(1500)
    await recorder.until('interim')
    origin.peer(0).send('HTTP/1.1 200 OK\r\n')
    clock.advance(600)
    expect(recorder.failure).toMatchObject({ reason: 'http_response_timeout' })
  })

  it('starts when the last byte of the request was written', async () => {
    origin = await RawOrigin.listen(() => {})
    const { recorder, exchange } = start(
      connector,
      origin.target,
      { method: 'POST', body: { kind: 'chunked' } },
      { timeouts },
    )
    await recorder.until('connected')
    for (let piece = 0; piece < 5; piece += 1) {
      clock.advance(1500)
      exchange.write(Buffer.from('abc'))
    }
    expect(recorder.error).toBeNull()
    exchange.end()
    clock.advance(1900)
    expect(recorder.error).toBeNull()
    clock.advance(200)
    expect(recorder.failure).toMatchObject({ reason: 'http_response_timeout' })
  })
})

describe('idle deadline', () => {
  it('a body that stalls: 504 connection_read_timeout', async () => {
    origin = await RawOrigin.listen(async (peer) => {
      await peer.head()
      peer.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc')
    })
    const { recorder } = start(connector, origin.target, {}, { timeouts })
    await recorder.until('body')
    clock.advance(3200)
    expect(recorder.failure).toEqual({
      code: 'HG_TIMEOUT',
      status: 504,
      reason: 'connection_read_timeout',
      retry: 'never',
    })
    await origin.peer(0).closed
  })

  it('A15 a body that drips is alive', async () => {
    origin = await RawOrigin.listen(async (peer) => {
      await peer.head()
      peer.send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n')
    })
    const { recorder } = start(connector, origin.target, {}, { timeouts })
    await recorder.until('head')
    for (let bytes = 1; bytes <= 5; bytes += 1) {
      clock.advance(2500)
      origin.peer(0).send('x')
      await recorder.until(() => recorder.bodyBytes === bytes)
    }
    expect(recorder.events.at(-1)).toBe('end')
  })

  it('does not count while the response is paused, and counts again afterwards', async () => {
    origin = await RawOrigin.listen(async (peer) => {
      await peer.head()
      peer.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc')
    })
    const { recorder, exchange } = start(connector, origin.target, {}, { timeouts })
    await recorder.until('body')
    exchange.pause()
    clock.advance(60_000)
    expect(recorder.error).toBeNull()
    exchange.resume()
    clock.advance(2900)
    expect(recorder.error).toBeNull()
    clock.advance(300)
    expect(recorder.failure).toMatchObject({ reason: 'connection_read_timeout' })
  })

  it('an upstream that does not take the request: 504 connection_write_timeout', async () => {
    origin = await RawOrigin.listen((peer) => {
      peer.socket.pause()
    })
    const { recorder, exchange } = start(
      connector,
      origin.target,
      { method: 'POST', body: { kind: 'chunked' } },
      { timeouts },
    )
    await recorder.until('connected')
    while (exchange.write(Buffer.alloc(65_536)));
    clock.advance(3200)
    expect(recorder.failure).toEqual({
      code: 'HG_TIMEOUT',
      status: 504,
      reason: 'connection_write_timeout',
      retry: 'idempotent',
    })
  })

  it('a request body that nobody hands over: 408, and nobody blames the upstream', async () => {
    origin = await RawOrigin.listen(() => {})
    const { recorder, exchange } = start(
      connector,
      origin.target,
      { method: 'POST', body: { kind: 'length', length: 5 } },
      { timeouts },
    )
    await recorder.until('connected')
    exchange.write(Buffer.from('ab'))
    clock.advance(3200)
    expect(recorder.failure).toEqual({
      code: 'HG_TIMEOUT',
      status: 408,
      reason: 'http_request_error',
      retry: 'never',
    })
    expect(recorder.error?.source).toBe('downstream')
  })
})

it('deadlines of zero never fire', async () => {
  origin = await RawOrigin.listen(async (peer) => {
    await peer.head()
  })
  const { recorder } = start(connector, origin.target)
  await recorder.until('sent')
  clock.advance(3_600_000)
  origin.peer(0).send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no')
  await recorder.until('body')
  clock.advance(3_600_000)
  origin.peer(0).send('k')
  await recorder.until('end')
})
