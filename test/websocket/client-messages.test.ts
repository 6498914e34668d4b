import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameQueue } from '#src/acceptor/uws/frame-queue.js'
import { ClientMessages } from '#src/websocket/index.js'
import { inflateMessage, parseFrames } from '../support/websocket-peer.js'

interface Sent {
  readonly opcode: number
  readonly payload: Buffer
}

/** What goes to the upstream of frames as the acceptor makes them. */
async function send(
  frames: readonly Sent[],
  maxBytes = 65_536,
): Promise<{ wire: Buffer; taken: number; came: number }> {
  const queue = new FrameQueue()
  for (const { opcode, payload } of frames) queue.add(opcode, payload)
  const wire: Buffer[] = []
  let taken = 0
  let came = 0
  let free = (): void => undefined
  const settled = new Promise<void>((resolve) => {
    free = resolve
  })
  const messages = new ClientMessages(maxBytes, {
    onFrames(bytes, takenBytes) {
      wire.push(Buffer.from(bytes))
      taken += takenBytes
    },
    onFree: () => free(),
  })
  for (let piece = queue.next(); piece !== null; piece = queue.next()) {
    came += piece.length
    // As the mailbox cuts them.
    for (let at = 0; at < piece.length; at += 50_000) messages.add(piece.subarray(at, at + 50_000))
  }
  if (!messages.isFree) await settled
  return { wire: Buffer.concat(wire), taken, came }
}

describe('messages for an upstream that takes permessage-deflate', () => {
  it('arrive as they were and in their order, compressed where something is gained by it', async () => {
    const frame = fc.record({
      opcode: fc.constantFrom(1, 2, 9, 10),
      payload: fc.oneof(
        fc
          .constantFrom(0, 63, 64, 125, 126, 16_384, 16_385, 65_536, 65_537, 200_000)
          .map((n) => Buffer.alloc(n, 'abc ')),
        fc.constantFrom(64, 20_000).map((size) => randomBytes(size)),
      ),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { maxLength: 5 }), async (drawn) => {
        const sent = drawn.map(({ opcode, payload }) => ({
          opcode,
          payload: opcode > 8 ? payload.subarray(0, 125) : payload,
        }))
        const { wire, taken, came } = await send(sent)
        expect(taken).toBe(came)
        const frames = parseFrames(wire)
        expect(frames.map(({ opcode }) => opcode)).toEqual(sent.map(({ opcode }) => opcode))
        for (const [index, { opcode, payload }] of sent.entries()) {
          const got = frames[index]
          if (got === undefined) throw new Error('a frame is missing')
          const isText = payload.length > 0 && payload[0] === 97 && payload[1] === 98
          const isWorthIt = opcode < 8 && payload.length >= 64 && payload.length <= 65_536
          if (!isWorthIt || isText) expect(got.rsv1).toBe(isWorthIt)
          if (got.rsv1) expect(got.payload.length).toBeLessThan(payload.length)
          expect((got.rsv1 ? inflateMessage(got.payload) : got.payload).equals(payload)).toBe(true)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('stay as they are where nothing is to be compressed', async () => {
    const { wire } = await send([{ opcode: 1, payload: Buffer.alloc(1000, 'a') }], 0)
    expect(parseFrames(wire)).toMatchObject([{ rsv1: false, opcode: 1 }])
  })

  it('hundreds at once are compressed over several turns', async () => {
    let turns = 0
    const count = (): void => {
      turns += 1
      next = setImmediate(count)
    }
    let next = setImmediate(count)
    const sent = Array.from({ length: 300 }, (_, index) => ({
      opcode: 1,
      payload: Buffer.alloc(100, `${index} `),
    }))
    const { wire } = await send(sent)
    clearImmediate(next)
    const frames = parseFrames(wire)
    expect(frames.map(({ payload }) => inflateMessage(payload).toString())).toEqual(
      sent.map(({ payload }) => payload.toString()),
    )
    expect(turns).toBeGreaterThanOrEqual(4)
  })
})
