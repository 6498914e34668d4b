import { afterEach, describe, expect, it } from 'vitest'
import { type Acceptor, createAcceptor } from '#src/acceptor/index.js'
import type { Downstream } from '#src/acceptor/types.js'
import { ACCEPTOR_KINDS, DEFAULT_LIMITS, DEFAULT_TIMEOUTS } from '../support/acceptor-under-test.js'
import { NotingHandler } from '../support/noting-handler.js'
import { RawClient } from '../support/raw-client.js'

const HIDDEN = 'GET /admin HTTP/1.1\r\nHost: a\r\n\r\n'
const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n'
const CHUNKED = 'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
const hello = Buffer.from('hello')

/** Answers from inside the events, which the owner of an acceptor should not do with chunked requests. */
class HastyHandler extends NotingHandler {
  readonly seen: string[] = []
  readonly #when: 'request' | 'piece' | 'last'
  readonly #answer: (exchange: Downstream) => void

  constructor(when: 'request' | 'piece' | 'last', answer: (exchange: Downstream) => void) {
    super()
    this.#when = when
    this.#answer = answer
  }

  onRequest(exchange: Downstream): void {
    this.seen.push(exchange.head.target)
    if (this.#when === 'request') this.#answer(exchange)
  }

  override onBody(exchange: Downstream, _: Uint8Array, last: boolean): void {
    if (last ? this.#when === 'last' : this.#when === 'piece') this.#answer(exchange)
  }
}

const respond = (exchange: Downstream): void => exchange.respond(200, 'OK', '', hello, hello.length)
const stream =
  (contentLength: number | null) =>
  (exchange: Downstream): void => {
    const memory = Buffer.from(hello)
    exchange.writeHead(200, 'OK', '', contentLength)
    exchange.write(memory)
    // The piece was valid only during the call.
    memory.fill('x')
    exchange.end('')
  }

describe.each(ACCEPTOR_KINDS)('an owner that answers from inside the events, over %s', (kind) => {
  let acceptor: Acceptor | null = null
  let client: RawClient | null = null
  afterEach(async () => {
    await client?.destroy()
    await acceptor?.close()
  })

  async function play(handler: HastyHandler, bytes: string): Promise<RawClient> {
    acceptor = await createAcceptor(
      kind,
      { host: '127.0.0.1', port: 0, limits: DEFAULT_LIMITS, timeouts: DEFAULT_TIMEOUTS, chunked: 'close' },
      handler,
    )
    client = await RawClient.connect(acceptor.port)
    await client.send(bytes)
    await client.untilClosed()
    return client
  }

  it.each([
    ['at once, inside the request', 'request', respond],
    ['at once, inside the body', 'piece', respond],
    ['at once, at the end of the body', 'last', respond],
    ['in pieces of known length, inside the request', 'request', stream(5)],
    ['in pieces of unknown length, at the end of the body', 'last', stream(null)],
  ] as const)(
    'U3 a chunked request, %s: it is answered, and the connection closed',
    async (_, when, answer) => {
      const handler = new HastyHandler(when, answer)
      const { responses, problem } = (await play(handler, `${CHUNKED}5\r\nhello\r\n0\r\n\r\n`)).responses()
      expect(problem).toBeNull()
      expect(responses.map((r) => [r.status, r.header('connection'), r.body.toString()])).toEqual([
        [200, 'close', 'hello'],
      ])
      expect(handler.events).toEqual(['finish'])
    },
  )

  it.each(['request', 'piece', 'last'] as const)(
    'U3 a request hidden behind the last chunk, answered inside the %s: it is not executed',
    async (when) => {
      const handler = new HastyHandler(when, respond)
      const { responses } = (await play(handler, `${CHUNKED}5\r\nhello\r\n0\r\nXX${HIDDEN}`)).responses()
      expect(handler.seen).toEqual(['/a'])
      expect(responses.length).toBeLessThanOrEqual(1)
    },
  )

  it('U12 a request behind Connection: close is not executed', async () => {
    const handler = new HastyHandler('request', respond)
    for (const value of ['close', 'te, close']) {
      handler.seen.length = 0
      await play(handler, `GET /a HTTP/1.1\r\nHost: a\r\nConnection: ${value}\r\n\r\n${HIDDEN}`)
      expect(handler.seen).toEqual(['/a'])
      await client?.destroy()
      await acceptor?.close()
    }
  })

  it('an interim answer goes out before the answer, or not at all', async () => {
    const handler = new HastyHandler('request', (exchange) => {
      exchange.writeInformational?.(103, 'link: </a.css>; rel=preload\r\n')
      exchange.writeInformational?.(103, 'x: y\r\n\r\nHTTP/1.1 200 OK\r\n')
      respond(exchange)
      exchange.writeInformational?.(103, 'too: late\r\n')
    })
    const { responses, problem } = (await play(handler, `${GET}Connection: close\r\n\r\n`)).responses()
    expect(problem).toBeNull()
    const interim = kind === 'node' ? [103] : []
    expect(responses.map((r) => [r.interim, r.status, r.body.toString()])).toEqual([[interim, 200, 'hello']])
  })

  it('HTTP/1.0 gets no interim answer', async () => {
    const handler = new HastyHandler('request', (exchange) => {
      exchange.writeInformational?.(103, 'link: </a.css>; rel=preload\r\n')
      respond(exchange)
    })
    expect((await play(handler, GET.replace('1.1', '1.0').concat('\r\n'))).text).not.toMatch(/^HTTP\S+ 103 /m)
  })

  it('an owner that throws loses its exchange, and the process goes on', async () => {
    const handler = new HastyHandler('request', () => {
      throw new Error('a mistake of the owner')
    })
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
    const { text } = await play(handler, 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
    expect([text, handler.events]).toEqual(['', ['abort']])
    expect((await warned).message).toContain('a mistake of the owner')
  })
})
