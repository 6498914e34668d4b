import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  BODY,
  bodyView,
  CREDIT,
  END,
  HEAD,
  type HeadFrame,
  headBody,
  INFO,
  MAX_BODY_PIECE_BYTES,
  OPEN,
  type OpenFrame,
  RingCorrupt,
  readHead,
  readOpen,
  readSent,
  readText,
  SENT,
  writeBody,
  writeHead,
  writeOpen,
  writeSent,
  writeText,
} from '#src/mailbox/index.js'
import { channel, HEAD_FRAME, mailbox, OPEN_FRAME, reader, receive } from './support/frame-channel.js'

/** Text of header blocks and targets: any byte as a character. */
function latin1(maxLength: number): fc.Arbitrary<string> {
  return fc.oneof(
    fc
      .uint8Array({ maxLength: Math.min(maxLength, 300) })
      .map((bytes) => Buffer.from(bytes).toString('latin1')),
    fc
      .tuple(fc.integer({ min: 0, max: maxLength }), fc.nat(255))
      .map(([length, first]) =>
        Buffer.from(Array.from({ length }, (_, i) => (first + i) & 0xff)).toString('latin1'),
      ),
  )
}

const NO_BODY = new Uint8Array(0)
const int32 = fc.integer()
const length = fc.oneof(fc.constantFrom(-2, -1, 0, 2 ** 31, 2 ** 32, 2 ** 53 - 1), fc.maxSafeNat())

const open: fc.Arbitrary<OpenFrame> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'OPTIONS', ''),
  target: latin1(65_536),
  headerBlock: latin1(65_536),
  remoteAddress: latin1(100),
  requestId: latin1(200),
  startMs: fc.double({ min: 0, max: 4e12, noNaN: true }),
  route: fc.nat(100_000),
  contentLength: length,
  upgrade: latin1(100),
})

describe('frames', () => {
  it('carry OPEN with every character of a byte in each of its texts, long and empty', () => {
    fc.assert(
      fc.property(int32, int32, open, (slot, generation, sent) => {
        expect(writeOpen(mailbox, slot, generation, sent)).toBe(true)
        const frame = receive()
        expect([frame.kind, frame.slot, frame.generation]).toEqual([OPEN, slot, generation])
        expect(readOpen(frame)).toEqual(sent)
      }),
      { numRuns: 150 },
    )
  })

  it('carry HEAD alone and with a whole body', () => {
    const head: fc.Arbitrary<HeadFrame> = fc.record({
      status: fc.integer({ min: 100, max: 999 }),
      statusText: latin1(3000),
      headerBlock: latin1(65_536),
      contentLength: fc.option(length.map((bytes) => Math.max(0, bytes))),
      complete: fc.boolean(),
      wantSent: fc.boolean(),
    })
    const body = fc.option(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.integer({ min: 0, max: MAX_BODY_PIECE_BYTES }).map((size) => new Uint8Array(size).fill(size)),
        // From anywhere in what was read.
        fc.tuple(fc.integer({ min: 1, max: 15 }), fc.uint8Array({ maxLength: 300 })).map(([shift, bytes]) => {
          const read = new Uint8Array(shift + bytes.length)
          read.set(bytes, shift)
          return read.subarray(shift)
        }),
      ),
    )
    fc.assert(
      fc.property(int32, int32, head, body, (slot, generation, sent, bytes) => {
        expect(writeHead(mailbox, slot, generation, sent, bytes)).toBe(true)
        const frame = receive()
        expect([frame.kind, frame.slot, frame.generation]).toEqual([HEAD, slot, generation])
        expect(readHead(frame)).toEqual(sent)
        expect(Buffer.compare(headBody(frame) ?? NO_BODY, bytes ?? NO_BODY)).toBe(0)
      }),
      { numRuns: 150 },
    )
  })

  it.each([0, 1, 65_535, 65_536, 65_537, 131_072, 200_001, 500_000])(
    'carry a body of %d bytes in pieces of at most 64 KiB, the last one marked if it is the last',
    (size) => {
      const chunk = Uint8Array.from({ length: size }, (_, i) => (i * 31) >> 3)
      for (const last of [false, true]) {
        writeBody(mailbox, 7, 8, chunk, last)
        mailbox.flushNow()
        const pieces: Uint8Array[] = []
        const marks: number[] = []
        while (reader.next()) {
          expect([reader.kind, reader.slot, reader.generation]).toEqual([BODY, 7, 8])
          expect(reader.length).toBeLessThanOrEqual(MAX_BODY_PIECE_BYTES)
          pieces.push(bodyView(reader).slice())
          marks.push(reader.a)
        }
        reader.release()
        expect(pieces).toHaveLength(Math.max(1, Math.ceil(size / MAX_BODY_PIECE_BYTES)))
        expect(marks.pop()).toBe(last ? 1 : 0)
        expect(marks.every((mark) => mark === 0)).toBe(true)
        expect(Buffer.compare(Buffer.concat(pieces), chunk)).toBe(0)
      }
    },
  )

  it('carry CREDIT, INFO, END and SENT', () => {
    fc.assert(
      fc.property(
        int32,
        int32,
        fc.nat(2 ** 31 - 1),
        latin1(20_000),
        fc.oneof(fc.constant(-1), fc.double({ noNaN: true })),
        (slot, generation, bytes, block, sentMs) => {
          mailbox.reserve(CREDIT, slot, generation, 0, bytes)
          const credit = receive()
          expect([credit.kind, credit.slot, credit.generation, credit.a, credit.length]).toEqual([
            CREDIT,
            slot,
            generation,
            bytes,
            0,
          ])
          writeText(mailbox, INFO, slot, generation, block, 103)
          const info = receive()
          expect([info.kind, info.a, readText(info)]).toEqual([INFO, 103, block])
          writeText(mailbox, END, slot, generation, block)
          const end = receive()
          expect([end.kind, end.a, readText(end)]).toEqual([END, 0, block])
          writeSent(mailbox, slot, generation, sentMs)
          const sent = receive()
          expect([sent.kind, sent.slot, sent.generation, readSent(sent)]).toEqual([
            SENT,
            slot,
            generation,
            sentMs,
          ])
        },
      ),
      { numRuns: 200 },
    )
  })

  it('are the same when they had to wait for room', () => {
    const small = channel(8192)
    const head = HEAD_FRAME
    for (let i = 0; i < 200; i += 1) writeHead(small.mailbox, i, 1, head, Uint8Array.of(1, 2, i))
    expect(small.mailbox.congested).toBe(true)
    for (let i = 0; i < 200; ) {
      small.mailbox.wake()
      small.mailbox.flushNow()
      for (; small.reader.next(); i += 1) {
        expect(small.reader.slot).toBe(i)
        expect(readHead(small.reader)).toEqual(head)
        expect([...(headBody(small.reader) ?? [])]).toEqual([1, 2, i])
      }
      small.reader.release()
    }
  })

  it('give a view of a body whose slice is a copy, as that of a Uint8Array is', () => {
    writeBody(mailbox, 1, 1, Uint8Array.of(1, 2, 3), true)
    const frame = receive()
    const view = bodyView(frame)
    const copy = view.slice()
    frame.bytes.fill(0, frame.offset, frame.offset + 3)
    expect([...view]).toEqual([0, 0, 0])
    expect([...copy]).toEqual([1, 2, 3])
  })
})

describe('frames larger than the ring takes', () => {
  const small = channel(8192)

  it('are not written, and the writer is told', () => {
    const block = 'x'.repeat(4000)
    const head = { status: 200, statusText: '', headerBlock: block, contentLength: null, complete: false }
    expect(writeHead(small.mailbox, 1, 1, { ...head, wantSent: true }, null)).toBe(false)
    expect(writeText(small.mailbox, END, 1, 1, block)).toBe(false)
    expect(writeOpen(small.mailbox, 1, 1, { ...OPEN_FRAME, headerBlock: block })).toBe(false)
    expect(small.mailbox.congested).toBe(false)
    small.mailbox.flushNow()
    expect(small.reader.next()).toBe(false)
  })

  it('cannot be sessions: the largest head that can be configured fits the ring to a worker', () => {
    const toWorker = channel(1024 * 1024)
    expect(toWorker.mailbox.maxPayloadBytes).toBeGreaterThan(64 * 1024 + 64 * 1024 + 4096)
  })
})

describe('a frame whose parts make no sense', () => {
  const damaged = channel(8192)

  it.each([
    ['text beyond the frame', OPEN, 101],
    ['text of -1 bytes', OPEN, -1],
    ['text whose end wraps', OPEN, 2 ** 31 - 1],
    ['extras that were never packed', OPEN, 10],
    ['text beyond the frame', HEAD, 101],
    ['text of -1 bytes', HEAD, -1],
    ['text whose end wraps', HEAD, 2 ** 31 - 1],
    ['a status text longer than all text', HEAD, 20],
  ])('is damage: %s, kind %d', (_name, kind, textBytes) => {
    const at = damaged.mailbox.reserve(kind, 1, 1, 100, textBytes)
    damaged.mailbox.target.fill(0xc1, at, at + 100)
    damaged.mailbox.flushNow()
    expect(damaged.reader.next()).toBe(true)
    expect(() => (kind === OPEN ? readOpen : readHead)(damaged.reader)).toThrow(RingCorrupt)
    damaged.reader.release()
  })

  it('is damage: a time that is not eight bytes', () => {
    damaged.mailbox.reserve(SENT, 1, 1, 4)
    damaged.mailbox.flushNow()
    expect(damaged.reader.next()).toBe(true)
    expect(() => readSent(damaged.reader)).toThrow(RingCorrupt)
  })
})
