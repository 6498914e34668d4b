import { describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS, AcceptorUnderTest } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { RawClient } from '../support/raw-client.js'

conserved()

const HANDSHAKE =
  'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

describe.each(ACCEPTOR_KINDS)('B15 B16 a 101 that cannot go on the wire, over %s', (kind) => {
  it.each([
    ['a field that would split the head', 'Switching Protocols', 'x-a: 1\r\n\r\nx-evil: 2\r\n'],
    ['a reason that would', 'Switching\r\nx-evil: 2', 'connection: Upgrade\r\nupgrade: websocket\r\n'],
  ])('%s: the client gets not a byte, and the session ends once', async (_, statusText, headerBlock) => {
    const subject = await AcceptorUnderTest.start(kind, {
      answerTime: 'early',
      application: (exchange) => exchange.upgrade?.(statusText, headerBlock),
    })
    const client = await RawClient.connect(subject.port)
    try {
      await client.send(HANDSHAKE)
      expect(await client.untilClosed()).toBe(true)
      expect(client.receivedBytes).toBe(0)
      expect(await subject.handler.until(() => subject.handler.aborted === 1)).toBe(true)
      expect([subject.seen.length, subject.handler.finished, subject.handler.pending]).toEqual([1, 0, 0])
      expect(subject.breaches).toEqual([])
    } finally {
      await client.destroy()
      await subject.close()
    }
  })
})
