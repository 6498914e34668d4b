import { expect, it } from 'vitest'
import type { Downstream } from '#src/acceptor/types.js'
import { AcceptorUnderTest, withClient } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { RawClient } from '../support/raw-client.js'
import { upgradeRequest } from '../support/websocket-peer.js'

conserved()

/** The test answers itself. */
const withOffer = (run: (client: RawClient, subject: AcceptorUnderTest) => Promise<void>): Promise<void> =>
  withClient('node', { application: () => undefined }, run)

async function offered(subject: AcceptorUnderTest): Promise<Downstream> {
  let given: Downstream | null = null as Downstream | null
  const { onRequest } = subject.handler
  subject.handler.onRequest = (exchange) => {
    given = exchange
    onRequest.call(subject.handler, exchange)
  }
  expect(await subject.until(() => given !== null)).toBe(true)
  if (given === null) throw new Error('no request came')
  return given
}

it('an upgrade over node that is answered with a stream is an ordinary answer, and the end of its connection', async () => {
  await withOffer(async (client, subject) => {
    const coming = offered(subject)
    await client.send(upgradeRequest())
    const exchange = await coming
    exchange.writeHead(200, 'OK', '', null)
    exchange.write(Buffer.from('one '))
    exchange.write(Buffer.from('two'))
    exchange.end('')
    const { responses } = await client.readResponses()
    expect(responses.map(({ status, body }) => [status, body.toString()])).toEqual([[200, 'one two']])
    expect(await client.untilClosed()).toBe(true)
    expect([subject.handler.finished, subject.handler.aborted]).toEqual([1, 0])
  })
})

it('B16 what a client sends before the 101 over node waits for it, up to a bound', async () => {
  await withOffer(async (client, subject) => {
    const coming = offered(subject)
    await client.send(upgradeRequest())
    const exchange = await coming
    const early = Buffer.alloc(300_000, 'e')
    const got: Buffer[] = []
    const gotBytes = (): number => got.reduce((sum, { length }) => sum + length, 0)
    subject.handler.onBody = (_, chunk) => void got.push(Buffer.from(chunk))
    void client.send(early)
    await subject.settle()
    expect(got).toEqual([])
    exchange.upgrade?.('Switching Protocols', 'connection: Upgrade\r\nupgrade: websocket\r\n')
    await eventually('all of it has come', () => gotBytes() === early.length)
    expect(Buffer.concat(got).equals(early)).toBe(true)
  })
})

it('requests over node that are pipelined behind a slow one are answered in order, hundreds of them', async () => {
  const held: Downstream[] = []
  const subject = await AcceptorUnderTest.start('node', {
    application: (exchange) => void held.push(exchange),
  })
  const client = await RawClient.connect(subject.port)
  try {
    const count = 200
    const requests = Array.from({ length: count }, (_, i) => `GET /${i} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await client.send(requests.join(''))
    expect(await subject.until(() => held.length === count)).toBe(true)
    for (const exchange of held.reverse()) {
      const { target } = exchange.head
      exchange.respond(200, 'OK', '', Buffer.from(target), target.length)
    }
    const { responses } = await client.readResponses(count)
    expect(responses.map(({ body }) => body.toString())).toEqual(
      Array.from({ length: count }, (_, i) => `/${i}`),
    )
    expect([subject.handler.finished, subject.breaches]).toEqual([count, []])
  } finally {
    await client.destroy()
    await subject.close()
  }
})
