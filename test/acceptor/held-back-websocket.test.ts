import { deflateRawSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { createAcceptor } from '#src/acceptor/index.js'
import type { Downstream } from '#src/acceptor/types.js'
import { DEFAULT_LIMITS, DEFAULT_TIMEOUTS } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { RecordingHandler } from '../support/recording-handler.js'
import { BINARY, encodeFrame, openWebSocket } from '../support/websocket-peer.js'

conserved()

const MESSAGE_BYTES = 1024 * 1024

/** A message of RFC 7692: deflated, without the four bytes at the end. */
function compressed(size: number): Buffer {
  const wire = deflateRawSync(Buffer.alloc(size), { finishFlush: 2 }).subarray(0, -4)
  return encodeFrame(BINARY, wire, { rsv1: true, masks: true })
}

it.each([
  ['8 messages of a MiB wait until they are wanted', 8, 0],
  ['20 of them, a few KiB on the wire, end the connection with 1013', 20, 1],
])('B5 a client of a WebSocket over uws that is held back: %s', async (_, messages, aborts) => {
  let given: Downstream | null = null as Downstream | null
  const handler = new RecordingHandler((exchange) => {
    given = exchange
    exchange.upgrade?.('Switching Protocols', 'connection: Upgrade\r\nupgrade: websocket\r\n')
  })
  // It has enough with the first piece; uWS goes on with what it has read.
  const { onBody } = handler
  handler.onBody = (exchange, chunk, last) => {
    if (handler.seen[0]?.chunks.length === 0) exchange.pauseBody()
    onBody.call(handler, exchange, chunk, last)
  }
  const acceptor = await createAcceptor(
    'uws',
    {
      host: '127.0.0.1',
      port: 0,
      limits: DEFAULT_LIMITS,
      timeouts: DEFAULT_TIMEOUTS,
      chunked: 'close',
      upgrades: ['websocket'],
      webSocketMessageBytes: MESSAGE_BYTES,
      webSocketCompressedBytes: MESSAGE_BYTES,
    },
    handler,
  )
  const { head, peer, socket } = await openWebSocket(acceptor.port, {
    fields: 'Sec-WebSocket-Extensions: permessage-deflate\r\n',
  })
  try {
    expect(head).toMatch(/^sec-websocket-extensions: permessage-deflate/im)
    socket.write(Buffer.concat(Array.from({ length: messages }, () => compressed(MESSAGE_BYTES))))
    if (aborts === 1) {
      expect(await peer.closing()).toEqual({ code: 1013, reason: '' })
      expect([handler.aborted, handler.seen[0]?.chunks.length]).toEqual([1, 1])
    } else {
      expect(await handler.until(() => handler.seen[0]?.chunks.length === 1)).toBe(true)
      given?.resumeBody()
      const bytes = (): number => handler.seen[0]?.chunks.reduce((sum, { length }) => sum + length, 0) ?? 0
      expect(await handler.until(() => bytes() > messages * MESSAGE_BYTES)).toBe(true)
      expect(handler.aborted).toBe(0)
    }
  } finally {
    socket.destroy()
    await acceptor.close()
  }
})
