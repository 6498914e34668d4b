import { expect } from 'vitest'
import {
  createRingBuffer,
  type HeadFrame,
  Mailbox,
  type OpenFrame,
  RingReader,
  RingWriter,
} from '#src/mailbox/index.js'
import { CONTROL_BYTES } from '#src/mailbox/ring-layout.js'

const IGNORED = { onFrame() {}, onRoom() {}, onCorrupt() {} }

/** A mailbox to write to, and the reader of its ring. */
export function channel(capacityBytes = 2 * 1024 * 1024): {
  mailbox: Mailbox
  reader: RingReader
  words: Int32Array
} {
  const out = createRingBuffer(capacityBytes)
  const mailbox = new Mailbox(
    new RingWriter(out),
    new RingReader(createRingBuffer(1024)),
    () => undefined,
    IGNORED,
  )
  return { mailbox, reader: new RingReader(out), words: new Int32Array(out, CONTROL_BYTES) }
}

export const { mailbox, reader } = channel()

/** Publishes, and steps to the only frame. */
export function receive(): RingReader {
  mailbox.flushNow()
  reader.release()
  expect(reader.next()).toBe(true)
  return reader
}

export const OPEN_FRAME: OpenFrame = {
  method: 'GET',
  target: '/\xe4',
  headerBlock: 'host: a\r\n',
  remoteAddress: '2001:db8::1',
  requestId: 'req-1',
  startMs: 1.5,
  route: 3,
  contentLength: 2 ** 40,
  upgrade: 'websocket',
}

export const HEAD_FRAME: HeadFrame = {
  status: 200,
  statusText: 'OK',
  headerBlock: 'x-a: \xff\r\n',
  contentLength: 3,
  complete: true,
  wantSent: false,
}
