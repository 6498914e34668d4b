import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Http1Connector } from '#src/upstream/http1/connector.js'
import { RawOrigin } from './support/raw-origin.js'
import { run, start } from './support/recorder.js'

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

describe('interim responses', () => {
  it('forwards 100 and 103 and then the final response', async () => {
    origin = await answersThen(
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nConnection: x\r\n\r\n${OK}`,
      'stay',
    )
    const recorder = await run(connector, origin.target)
    expect(recorder.events).toEqual(['connected', 'sent', 'interim', 'interim', 'head', 'body', 'end'])
    expect(recorder.interim).toEqual(['100 ', '103 Link: </a>; rel=preload\r\n'])
    expect(connector.stats.idle).toBe(1)
  })

  it('A10 5,000 of them: 502 http_protocol_error after 16', async () => {
    origin = await answersThen('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(5000) + OK, 'stay')
    const recorder = await run(connector, origin.target)
    expect(recorder.interim.length).toBe(16)
    expect(recorder.failure).toMatchObject({ reason: 'http_protocol_error' })
  })
})

describe('responses without body', () => {
  it.each([
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\nETag: "a"\r\n\r\n', 1234],
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n', 1234],
    ['GET', 'HTTP/1.1 204 No Content\r\n\r\n', null],
    ['GET', 'HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n', 0],
  ])('A12 %s %j: the connection carries the next request', async (method, text, contentLength) => {
    origin = await RawOrigin.answering(text)
    for (const first of ['connected', 'reused', 'reused']) {
      const { recorder } = start(connector, origin.target, { method })
      await recorder.until('over')
      expect(recorder.events).toEqual([first, 'sent', 'head', 'end'])
      expect(recorder.head).toMatchObject({ contentLength, hasBody: false })
    }
    expect(origin.peers.length).toBe(1)
  })
})

describe('early responses', () => {
  it('a refusal stops the request body, is delivered whole, and the connection is not reused', async () => {
    origin = await RawOrigin.listen(async (peer) => {
      await peer.head()
      peer.send('HTTP/1.1 413 Too Large\r\nContent-Length: 6\r\n\r\nno ')
      await peer.take('never sent').catch(() => {})
    })
    const { recorder, exchange } = start(connector, origin.target, {
      method: 'POST',
      body: { kind: 'length', length: 1000 },
    })
    await recorder.until('head')
    expect(exchange.write(Buffer.from('never sent'))).toBe(true)
    exchange.end()
    origin.peer(0).send('way')
    await recorder.until('over')
    expect(recorder.events).toEqual(['connected', 'head', 'body', 'end'])
    expect(recorder.body).toBe('no way')
    await origin.peer(0).closed
    expect(origin.peer(0).received).toBe('')
    expect(connector.stats).toMatchObject({ idle: 0, dropped: 0 })
  })

  it('a refusal lets a caller go that waits for room', async () => {
    origin = await RawOrigin.listen((peer) => {
      peer.socket.pause()
    })
    const { recorder, exchange } = start(connector, origin.target, {
      method: 'POST',
      body: { kind: 'chunked' },
    })
    await recorder.until('connected')
    while (exchange.write(Buffer.alloc(65_536)));
    origin.peer(0).send('HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nn')
    await recorder.until('drain')
    expect(exchange.write(Buffer.alloc(65_536))).toBe(true)
    origin.peer(0).send('o')
    await recorder.until('end')
    expect(recorder.events).toEqual(['connected', 'head', 'drain', 'body', 'end'])
  })

  it('a 200 that comes before the request is complete streams both ways', async () => {
    origin = await RawOrigin.listen(async (peer) => {
      await peer.head()
      peer.send(CHUNKED)
      await peer.take('ping\r\n')
      peer.send('4\r\npong\r\n')
      await peer.take('0\r\n\r\n')
      peer.send('0\r\n\r\n')
    })
    const { recorder, exchange } = start(connector, origin.target, {
      method: 'POST',
      body: { kind: 'chunked' },
    })
    await recorder.until('head')
    exchange.write(Buffer.from('ping'))
    await recorder.until('body')
    exchange.end()
    await recorder.until('end')
    expect(recorder.body).toBe('pong')
    expect(connector.stats.idle).toBe(1)
  })

  it('a 200 that is complete before its request ends the exchange, and the connection is not reused', async () => {
    origin = await answersThen(OK, 'stay')
    const { recorder, exchange } = start(connector, origin.target, {
      method: 'POST',
      body: { kind: 'chunked' },
    })
    await recorder.until('end')
    expect(exchange.write(Buffer.from('late'))).toBe(true)
    await origin.peer(0).closed
    expect(connector.stats.idle).toBe(0)
  })
})
