import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Downstream } from '#src/acceptor/types.js'
import { ACCEPTOR_KINDS, AcceptorUnderTest } from '../support/acceptor-under-test.js'
import { pattern } from '../support/application.js'
import { conserved } from '../support/conservation.js'
import { RawClient } from '../support/raw-client.js'
import { openWebSocket, TEXT } from '../support/websocket-peer.js'

conserved()

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n'
const SWITCH = 'connection: Upgrade\r\nupgrade: websocket\r\n'

const fail = (): never => {
  throw new Error('a bug of the owner')
}

/** What the process was warned of. */
let warnings: string[]
const onWarning = ({ message }: Error): void => void warnings.push(message)
beforeEach(() => {
  warnings = []
  process.on('warning', onWarning)
})
afterEach(() => process.off('warning', onWarning))

/** @param application of the requests; a turn after each of them */
async function withOwner(
  kind: 'node' | 'uws',
  application: (exchange: Downstream, subject: AcceptorUnderTest) => void,
  run: (subject: AcceptorUnderTest) => Promise<void>,
): Promise<void> {
  let started: AcceptorUnderTest | null = null as AcceptorUnderTest | null
  const subject = await AcceptorUnderTest.start(kind, {
    application: (exchange) => started !== null && application(exchange, started),
  })
  started = subject
  try {
    await run(subject)
  } finally {
    await subject.close()
  }
}

/** The next connection is served, and the operator has been told of the bug. */
async function expectContained(subject: AcceptorUnderTest): Promise<void> {
  expect(warnings.some((text) => text.includes('a bug of the owner'))).toBe(true)
  const next = await RawClient.connect(subject.port)
  await next.send(GET)
  expect((await next.readResponses()).responses.map(({ status }) => status)).toEqual([200])
  await next.destroy()
}

const ok = (exchange: Downstream): void => exchange.respond(200, 'OK', '', Buffer.from('ok'), 2)

describe.each(ACCEPTOR_KINDS)('an owner of %s that throws costs one connection, not the process', (kind) => {
  it('when it is told of a request', async () => {
    await withOwner(kind, ok, async (subject) => {
      const { handler } = subject
      const { onRequest } = handler
      handler.onRequest = fail
      const client = await RawClient.connect(subject.port)
      await client.send(GET)
      expect(await client.untilClosed()).toBe(true)
      expect(client.receivedBytes).toBe(0)
      await client.destroy()
      handler.onRequest = onRequest
      await expectContained(subject)
    })
  })

  it('when it is told that a slow client takes more', async () => {
    const large = pattern(24 * 1024 * 1024)
    let isBroken = true
    const application = (exchange: Downstream): void => {
      if (!isBroken) ok(exchange)
      else {
        exchange.writeHead(200, 'OK', '', large.length + 1)
        exchange.write(large)
      }
    }
    await withOwner(kind, application, async (subject) => {
      const { handler } = subject
      const { onDrain } = handler
      handler.onDrain = fail
      const client = await RawClient.connect(subject.port)
      await client.send(GET)
      expect(await client.untilClosed(10_000)).toBe(true)
      // It is one byte short: nobody takes it for whole.
      expect(client.receivedBytes).toBeGreaterThan(0)
      expect(client.responses().responses.map(({ complete }) => complete)).not.toContain(true)
      await client.destroy()
      handler.onDrain = onDrain
      isBroken = false
      await expectContained(subject)
    })
  })

  it('when it is given a message of a WebSocket', async () => {
    const application = (exchange: Downstream): void => {
      if (exchange.head.upgrade === '') ok(exchange)
      else exchange.upgrade?.('Switching Protocols', SWITCH)
    }
    await withOwner(kind, application, async (subject) => {
      const { handler } = subject
      const { onBody } = handler
      handler.onBody = fail
      const { head, peer } = await openWebSocket(subject.port)
      expect(head).toMatch(/^HTTP\/1\.1 101 /)
      peer.send(TEXT, Buffer.from('hello'))
      await peer.closed
      handler.onBody = onBody
      await expectContained(subject)
    })
  })

  it('when it is told of a refusal', async () => {
    await withOwner(kind, ok, async (subject) => {
      const { handler } = subject
      const { onRefused } = handler
      handler.onRefused = fail
      const client = await RawClient.connect(subject.port)
      await client.send('GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n')
      expect(await client.untilClosed()).toBe(true)
      await client.destroy()
      handler.onRefused = onRefused
      await expectContained(subject)
    })
  })
})
