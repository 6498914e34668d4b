import { randomBytes } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CLOSE, FrameReader, PING, TEXT, UpstreamMessages } from '#src/websocket/index.js'
import { deflateMessage, encodeFrame } from '../support/websocket-peer.js'

const MIB = 1024 * 1024

interface Passed {
  readonly messages: { payload: Buffer; isBinary: boolean; fragments: number }[]
  /** Opcodes of whole messages and control frames in their order. */
  readonly order: number[]
  readonly close: number
  readonly fault: { code: number; problem: string } | null
}

interface Options {
  readonly maxMessageBytes?: number
  readonly wholeBytes?: number
  readonly cuts?: readonly number[]
  /** Called with every piece that is passed on. */
  readonly onFrames?: (messages: UpstreamMessages, bytes: Uint8Array) => void
}

/** What comes out of `wire`, read as a client without extensions would. */
async function pass(wire: Buffer, options: Options = {}): Promise<Passed> {
  const { maxMessageBytes = 16 * MIB, wholeBytes = 65_536, cuts = [] } = options
  const messages: Passed['messages'] = []
  const order: number[] = []
  let close = 0
  const reader = new FrameReader({
    onPiece(piece, isBinary, isFirst, isLast) {
      if (isFirst) messages.push({ payload: Buffer.alloc(0), isBinary, fragments: 0 })
      const message = messages.at(-1)
      if (message === undefined) throw new Error('a piece of no message')
      message.payload = Buffer.concat([message.payload, piece])
      message.fragments += 1
      if (isLast) order.push(isBinary ? 2 : TEXT)
    },
    onControl(opcode, payload) {
      order.push(opcode)
      if (opcode === CLOSE) close = Buffer.from(payload).readUInt16BE(0)
    },
  })
  let fault: Passed['fault'] = null
  let free = (): void => undefined
  const settled = new Promise<void>((resolve) => {
    free = resolve
  })
  const opened: UpstreamMessages = new UpstreamMessages(
    { maxMessageBytes, wholeBytes },
    {
      onFrames(bytes) {
        reader.read(bytes)
        options.onFrames?.(opened, bytes)
      },
      onFree: () => free(),
      onFault(code, problem) {
        fault = { code, problem }
        free()
      },
    },
  )
  let at = 0
  for (const cut of [...new Set(cuts.map((cut) => cut % (wire.length + 1)))].sort((a, b) => a - b)) {
    opened.add(wire.subarray(at, cut))
    at = cut
  }
  opened.add(wire.subarray(at))
  if (!opened.isFree || opened.isHeld) await settled
  expect(reader.problem).toBe('')
  return { messages, order, close, fault }
}

function compressed(message: Buffer, fragmentBytes = Number.POSITIVE_INFINITY): Buffer {
  const bytes = deflateMessage(message)
  const frames: Buffer[] = []
  for (let at = 0; at === 0 || at < bytes.length; at += fragmentBytes) {
    const fin = at + fragmentBytes >= bytes.length
    const payload = bytes.subarray(at, Math.min(bytes.length, at + fragmentBytes))
    frames.push(encodeFrame(at === 0 ? TEXT : 0, payload, { fin, rsv1: at === 0 }))
    if (!fin) frames.push(encodeFrame(PING, Buffer.from('between')))
  }
  return Buffer.concat(frames)
}

describe('compressed messages of an upstream', () => {
  it('are opened in their order, whole or in fragments, however they are cut, with all between them', async () => {
    const message = fc.record({
      payload: fc.oneof(
        fc
          .constantFrom(0, 1, 64, 1000, 70_000, 300_000)
          .map((size) => Buffer.alloc(size, 'All that is gold. ')),
        fc.constantFrom(1, 20_000, 100_000).map((size) => randomBytes(size)),
      ),
      isCompressed: fc.boolean(),
      fragmentBytes: fc.constantFrom(7, 5000, Number.POSITIVE_INFINITY),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(message, { maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 10 }),
        async (sent, cuts) => {
          const wire = sent.map(({ payload, isCompressed, fragmentBytes }) => {
            const atLeast = Math.max(fragmentBytes, payload.length / 100)
            return isCompressed ? compressed(payload, atLeast) : encodeFrame(TEXT, payload)
          })
          const { messages, fault, order } = await pass(Buffer.concat(wire), { cuts })
          expect(fault).toBeNull()
          expect(messages).toHaveLength(sent.length)
          expect(order.filter((opcode) => opcode === TEXT)).toHaveLength(sent.length)
          for (const [index, { payload }] of sent.entries()) {
            expect(messages[index]?.payload.equals(payload)).toBe(true)
            if (payload.length <= 16_384) expect(messages[index]?.fragments).toBe(1)
          }
        },
      ),
      { numRuns: 40 },
    )
  })

  it('keep their place among control frames', async () => {
    const wire = [
      compressed(Buffer.alloc(500_000, 'x')),
      encodeFrame(PING, Buffer.from('1')),
      compressed(Buffer.from('short')),
      encodeFrame(CLOSE, Buffer.from([0x0f, 0xa1])),
    ]
    const { order, close } = await pass(Buffer.concat(wire))
    expect(order).toEqual([TEXT, PING, TEXT, CLOSE])
    expect(close).toBe(4001)
  })

  it('hundreds in one packet are opened over several turns', async () => {
    const one = compressed(Buffer.alloc(100, 'y'))
    let turns = 0
    const count = (): void => {
      turns += 1
      next = setImmediate(count)
    }
    let next = setImmediate(count)
    const { messages } = await pass(Buffer.concat(Array.from({ length: 300 }, () => one)))
    clearImmediate(next)
    expect(messages).toHaveLength(300)
    expect(turns).toBeGreaterThanOrEqual(4)
  })

  it('stop while nothing can be passed on, and go on behind it', async () => {
    const message = Buffer.alloc(3 * MIB, 'z')
    let passed = 0
    let isWaiting = false
    const whileWaiting: number[] = []
    const { messages } = await pass(compressed(message), {
      onFrames(opened, bytes) {
        passed += bytes.length
        if (isWaiting) return
        isWaiting = true
        opened.pause()
        setImmediate(() => {
          const then = passed
          setTimeout(() => {
            whileWaiting.push(passed - then)
            isWaiting = false
            opened.resume()
          }, 1)
        })
      },
    })
    expect(messages[0]?.payload.equals(message)).toBe(true)
    expect(whileWaiting.length).toBeGreaterThan(10)
    expect(whileWaiting.filter((bytes) => bytes > 0)).toEqual([])
  })

  it('may end with a last block of their own (RFC 7692 §7.2.3.4)', async () => {
    const short = Buffer.from('f348cdc9c9070000', 'hex')
    const long = randomBytes(50_000)
    const wire = [
      encodeFrame(TEXT, short, { rsv1: true }),
      encodeFrame(TEXT, Buffer.concat([deflateRawSync(long), Buffer.from([0])]), { rsv1: true }),
      encodeFrame(TEXT, Buffer.from('next')),
    ]
    const { messages, fault } = await pass(Buffer.concat(wire))
    expect(fault).toBeNull()
    expect(messages.map(({ payload }) => payload.length)).toEqual([5, 50_000, 4])
  })

  it.each([
    ['no deflate stream', Buffer.from('this is no deflate stream at all')],
    ['a small one that is cut off', deflateMessage(Buffer.from('a sentence of some length')).subarray(0, -3)],
    ['a large one that is cut off', deflateMessage(randomBytes(40_000)).subarray(0, -9)],
    ['a large one with a byte changed', withBadBlock(deflateMessage(randomBytes(40_000)))],
    ['something behind its last block', Buffer.concat([deflateRawSync('x'), Buffer.from('more')])],
    [
      'a tail that should have been left out',
      Buffer.concat([deflateMessage(Buffer.from('x')), Buffer.from([0, 0, 255, 255])]),
    ],
  ])('%s: 1007, and nothing behind it is read', async (_, payload) => {
    const wire = [encodeFrame(TEXT, payload, { rsv1: true }), encodeFrame(PING, Buffer.from('late'))]
    const { close, fault, order } = await pass(Buffer.concat(wire))
    expect(close).toBe(1007)
    expect(fault?.code).toBe(1007)
    expect(order).toEqual([CLOSE])
  })

  it('a bomb: 1009 as soon as it is beyond the limit, never whole in memory', async () => {
    const bomb = compressed(Buffer.alloc(64 * MIB))
    expect(bomb.length).toBeLessThan(70_000)
    let passed = 0
    const { close, fault } = await pass(bomb, {
      maxMessageBytes: MIB,
      onFrames: (_, bytes) => {
        passed += bytes.length
      },
    })
    expect([close, fault?.code]).toEqual([1009, 1009])
    expect(passed).toBeLessThan(MIB + 65_536)
  })

  it('a small bomb in one frame: 1009 too, and exactly the limit passes', async () => {
    const at = await pass(compressed(Buffer.alloc(1024)), { maxMessageBytes: 1024 })
    expect(at.fault).toBeNull()
    expect(at.messages[0]?.payload).toHaveLength(1024)
    const above = await pass(compressed(Buffer.alloc(1025)), { maxMessageBytes: 1024 })
    expect([above.close, above.messages.length]).toEqual([1009, 0])
  })

  it.each([
    ['a ping', encodeFrame(PING, Buffer.from('x'), { rsv1: true })],
    ['a close', encodeFrame(CLOSE, Buffer.from([3, 232]), { rsv1: true })],
    [
      'a continuation',
      Buffer.concat([
        encodeFrame(TEXT, Buffer.from('x'), { fin: false }),
        encodeFrame(0, Buffer.from('x'), { rsv1: true }),
      ]),
    ],
  ])('the mark on %s is off the protocol: 1002', async (_, wire) => {
    const { close, fault } = await pass(wire)
    expect(close).toBe(1002)
    expect(fault?.problem).toBe('the upstream has sent the mark of a compressed message where none begins')
  })
})

/** The first block has a type that there is not. */
function withBadBlock(payload: Buffer): Buffer {
  const bytes = Buffer.from(payload)
  bytes[0] = 0x07
  return bytes
}
