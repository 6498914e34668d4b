import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameQueue } from '#src/acceptor/uws/frame-queue.js'
import { closeOf, FrameReader } from '#src/websocket/index.js'
import { encodeFrame } from '../support/websocket-peer.js'

interface Seen {
  readonly messages: { isBinary: boolean; payload: Buffer; isComplete: boolean }[]
  readonly controls: { opcode: number; payload: Buffer }[]
  readonly problem: string
}

function read(wire: Buffer, cuts: readonly number[] = []): Seen {
  const messages: Seen['messages'] = []
  const controls: Seen['controls'] = []
  const reader = new FrameReader({
    onPiece(piece, isBinary, isFirst, isLast) {
      if (isFirst) messages.push({ isBinary, payload: Buffer.alloc(0), isComplete: false })
      const message = messages.at(-1)
      if (message === undefined || message.isComplete) throw new Error('a piece of no message')
      message.payload = Buffer.concat([message.payload, piece])
      message.isComplete = isLast
    },
    onControl: (opcode, payload) => void controls.push({ opcode, payload: Buffer.from(payload) }),
  })
  let at = 0
  for (const cut of [...new Set(cuts.map((cut) => cut % (wire.length + 1)))].sort((a, b) => a - b)) {
    reader.read(wire.subarray(at, cut))
    at = cut
  }
  reader.read(wire.subarray(at))
  return { messages, controls, problem: reader.problem }
}

const payloads = fc
  .tuple(fc.constantFrom(0, 1, 125, 126, 127, 16_384, 16_385, 65_535, 65_536, 70_001), fc.nat(255))
  .map(([size, fill]) => Buffer.alloc(size, fill))

describe('frames of an upstream', () => {
  it('are read alike however they are cut', () => {
    const message = fc.record({
      isBinary: fc.boolean(),
      parts: fc.array(payloads, { minLength: 1, maxLength: 3 }),
    })
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 3 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        (messages, cuts) => {
          const wire = messages.flatMap(({ isBinary, parts }) =>
            parts.flatMap((part, index) => {
              const fin = index === parts.length - 1
              return [
                encodeFrame(index > 0 ? 0 : isBinary ? 2 : 1, part, { fin }),
                encodeFrame(9, Buffer.from('ping')),
              ]
            }),
          )
          const seen = read(Buffer.concat(wire), cuts)
          expect(seen.problem).toBe('')
          expect(seen.messages.map(({ isBinary, isComplete }) => [isBinary, isComplete])).toEqual(
            messages.map(({ isBinary }) => [isBinary, true]),
          )
          for (const [index, { parts }] of messages.entries()) {
            expect(seen.messages[index]?.payload.equals(Buffer.concat(parts))).toBe(true)
          }
          expect(seen.controls).toHaveLength(wire.length / 2)
        },
      ),
      { numRuns: 60 },
    )
  })

  it.each([
    ['a masked frame', encodeFrame(1, Buffer.from('x'), { masks: true })],
    ['a reserved bit', encodeFrame(1, Buffer.from('x'), { rsv1: true })],
    ['an unknown opcode', encodeFrame(3, Buffer.from('x'))],
    ['an unknown control opcode', encodeFrame(11, Buffer.from('x'))],
    ['a ping in fragments', encodeFrame(9, Buffer.from('x'), { fin: false })],
    ['a ping of 126 bytes', encodeFrame(9, Buffer.alloc(126))],
    ['a continuation of nothing', encodeFrame(0, Buffer.from('x'))],
    [
      'a message inside another',
      Buffer.concat([encodeFrame(1, Buffer.from('x'), { fin: false }), encodeFrame(1, Buffer.from('y'))]),
    ],
    ['a length of 2^63', Buffer.from([0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0])],
  ])('%s is off the grammar', (_, wire) => {
    const { problem, messages } = read(Buffer.concat([wire, encodeFrame(1, Buffer.from('never'))]))
    expect(problem).toMatch(/^the upstream has sent /)
    expect(messages.filter(({ payload }) => payload.includes('never'))).toEqual([])
  })

  it('tell why the connection is closed', () => {
    expect(closeOf(Buffer.alloc(0)).code).toBe(1005)
    const { code, reason } = closeOf(Buffer.from([0x0f, 0xa1, 0x68, 0x69]))
    expect(code).toBe(4001)
    expect(Buffer.from(reason).toString()).toBe('hi')
  })
})

describe('frames to an upstream', () => {
  it('are masked, and are what was put in, also when they had to wait', () => {
    fc.assert(
      fc.property(fc.array(payloads, { maxLength: 4 }), fc.nat(3), (bodies, atOnce) => {
        const queue = new FrameQueue()
        const wire: Buffer[] = []
        for (const body of bodies) {
          const lent = Buffer.from(body)
          queue.add(2, lent)
          for (let i = 0; i < atOnce; i += 1) {
            const piece = queue.next()
            if (piece !== null) wire.push(Buffer.from(piece))
          }
          queue.keep()
          lent.fill(0xee)
        }
        for (let piece = queue.next(); piece !== null; piece = queue.next()) wire.push(Buffer.from(piece))
        expect(queue.waitingBytes).toBe(0)
        const { messages, problem } = read(unmasked(Buffer.concat(wire)))
        expect(problem).toBe('')
        expect(messages).toHaveLength(bodies.length)
        for (const [index, body] of bodies.entries()) expect(messages[index]?.payload.equals(body)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })
})

/** The same frames without their masks. */
function unmasked(wire: Buffer): Buffer {
  const frames: Buffer[] = []
  for (let at = 0; at < wire.length; ) {
    const second = wire[at + 1] ?? 0
    expect(second & 0x80).toBe(0x80)
    const short = second & 0x7f
    const extended = short === 126 ? 2 : short === 127 ? 8 : 0
    const size =
      extended === 0
        ? short
        : extended === 2
          ? wire.readUInt16BE(at + 2)
          : Number(wire.readBigUInt64BE(at + 2))
    const maskAt = at + 2 + extended
    const payload = Buffer.from(wire.subarray(maskAt + 4, maskAt + 4 + size))
    for (let i = 0; i < size; i += 1) payload[i] = (payload[i] ?? 0) ^ (wire[maskAt + (i & 3)] ?? 0)
    frames.push(encodeFrame((wire[at] ?? 0) & 0x0f, payload))
    at = maskAt + 4 + size
  }
  return Buffer.concat(frames)
}
