import { describe, expect, it } from 'vitest'
import { RingCorrupt } from '#src/mailbox/index.js'
import { CONTROL_BYTES } from '#src/mailbox/ring-layout.js'
import { mailboxPair, post, settle, turn, wrongWith } from './support/mailbox-pair.js'

describe('a batch', () => {
  it('is published once, at the end of the loop turn, and rings a sleeper once', async () => {
    const { a, b } = mailboxPair()
    await settle(b)
    for (let i = 0; i < 100; i += 1) post(a.mailbox, i)
    b.mailbox.wake()
    expect(b.handler.frames).toEqual([])
    expect(b.rung).toBe(0)
    await turn()
    expect(b.rung).toBe(1)
    await settle(b)
    expect(wrongWith(b.handler.frames, new Array(100).fill(8))).toBeNull()
  })

  it('rings nobody who is awake', async () => {
    const { a, b } = mailboxPair()
    post(a.mailbox, 0)
    await turn()
    post(a.mailbox, 1)
    b.mailbox.wake()
    expect(b.handler.frames).toHaveLength(1)
    // It looks once more in its next turn, and finds this without having slept.
    await turn()
    expect(b.handler.frames).toHaveLength(2)
    expect(b.rung).toBe(0)
  })

  it('rings nobody whose thread is at work, since it looks by itself at the end of its turn', async () => {
    const { a, b } = mailboxPair()
    await settle(b)
    expect(b.asleep).toBe(true)
    post(a.mailbox, 0)
    post(b.mailbox, 0)
    expect(b.asleep).toBe(false)
    await turn()
    expect(b.rung).toBe(0)
    expect(b.handler.frames).toHaveLength(1)
    await settle(b)
    post(a.mailbox, 1)
    await turn()
    expect(b.rung).toBe(1)
  })

  it('rings at most once per turn, however much is written and however often', async () => {
    const { a, b } = mailboxPair(65_536)
    await settle(b)
    for (let round = 0; round < 20; round += 1) {
      for (let i = 0; i < 10; i += 1) post(a.mailbox, round * 10 + i)
      await turn()
      expect(b.rung).toBe(1)
    }
    await settle(b)
    expect(wrongWith(b.handler.frames, new Array(200).fill(8))).toBeNull()
  })

  it('takes what is written just before it is published', async () => {
    const { a, b } = mailboxPair()
    await settle(b)
    let late = 1
    a.handler.alsoBeforeFlush = () => {
      if (late <= 3) post(a.mailbox, late++)
    }
    post(a.mailbox, 0)
    await turn()
    expect(a.handler.flushes).toBe(1)
    await settle(b)
    expect(wrongWith(b.handler.frames, [8, 8])).toBeNull()
    // No turn is left over for what came late.
    await turn()
    expect(a.handler.flushes).toBe(1)
    a.mailbox.scheduleFlush()
    a.mailbox.scheduleFlush()
    await turn()
    expect(a.handler.flushes).toBe(2)
  })

  it('leaves before the end of the turn when told so, and not twice', async () => {
    const { a, b } = mailboxPair()
    await settle(b)
    post(a.mailbox, 0)
    a.mailbox.flushNow()
    expect(b.rung).toBe(1)
    b.mailbox.wake()
    expect(b.handler.frames).toHaveLength(1)
    await turn()
    expect(b.rung).toBe(1)
  })
})

describe('reading', () => {
  it('gives the loop its turn back after 512 frames', async () => {
    const { a, b } = mailboxPair(65_536)
    const sizes = new Array(1300).fill(0)
    for (const i of sizes.keys()) post(a.mailbox, i, 0)
    await turn()
    b.mailbox.wake()
    expect(b.handler.frames).toHaveLength(512)
    await turn()
    expect(b.handler.frames).toHaveLength(1024)
    await settle(b)
    expect(wrongWith(b.handler.frames, sizes)).toBeNull()
  })

  it('gives it back also when every frame is answered', async () => {
    const { a, b } = mailboxPair(65_536)
    const sizes = new Array(2000).fill(0)
    b.handler.also = (frame) => post(b.mailbox, frame.slot, 0)
    for (const i of sizes.keys()) post(a.mailbox, i, 0)
    await turn()
    b.mailbox.wake()
    for (let turns = 0; b.handler.frames.length < sizes.length; turns += 1) {
      const before = b.handler.frames.length
      await turn()
      expect(b.handler.frames.length - before).toBeLessThanOrEqual(512)
      expect(turns).toBeLessThan(10)
    }
    await settle(b)
    expect(wrongWith(b.handler.frames, sizes)).toBeNull()
  })

  it('is not done twice in a turn when the bell rings again', async () => {
    const { a, b } = mailboxPair(65_536)
    for (let i = 0; i < 600; i += 1) post(a.mailbox, i, 0)
    await turn()
    b.mailbox.wake()
    b.mailbox.wake()
    expect(b.handler.frames).toHaveLength(512)
  })

  it('answers from inside a frame, both ways at once', async () => {
    const { a, b } = mailboxPair()
    a.onBell = () => setImmediate(() => a.mailbox.wake())
    b.onBell = () => setImmediate(() => b.mailbox.wake())
    const arrived = new Promise<void>((resolve) => {
      a.handler.also = (frame) => {
        if (frame.slot < 499) post(a.mailbox, frame.slot + 1)
        else resolve()
      }
    })
    b.handler.also = (frame) => post(b.mailbox, frame.slot)
    await settle(a)
    await settle(b)
    post(a.mailbox, 0)
    await arrived
    expect(wrongWith(a.handler.frames, new Array(500).fill(8))).toBeNull()
    expect(wrongWith(b.handler.frames, new Array(500).fill(8))).toBeNull()
  })
})

describe('a closed mailbox', () => {
  it('reads nothing, sends nothing and rings nobody', async () => {
    const { a, b } = mailboxPair()
    await settle(b)
    post(b.mailbox, 0)
    await turn()
    a.mailbox.close()
    expect(a.mailbox.closed).toBe(true)
    a.mailbox.wake()
    await turn()
    expect(a.handler.frames).toEqual([])
    expect(a.mailbox.tryReserve(1, 0, 0, 8)).toBe(-1)
    // A frame still has somewhere to be written to, and is gone then.
    for (let i = 0; i < 1000; i += 1) post(a.mailbox, i, 100)
    expect(a.mailbox.congested).toBe(false)
    await turn()
    expect(b.rung).toBe(0)
    await settle(b)
    expect(b.handler.frames).toEqual([])
    expect(a.handler.flushes).toBe(0)
  })

  it('keeps what it had published already, and drops what waited', async () => {
    const { a, b } = mailboxPair(1024)
    for (let i = 0; i < 40; i += 1) post(a.mailbox, i, 40)
    await turn()
    a.mailbox.close()
    expect(a.mailbox.congested).toBe(false)
    await settle(b)
    expect(wrongWith(b.handler.frames, new Array(16).fill(40))).toBeNull()
  })

  it('stops in the middle of a batch when a frame closes it', async () => {
    const { a, b } = mailboxPair()
    for (let i = 0; i < 10; i += 1) post(a.mailbox, i)
    await turn()
    b.handler.also = (frame) => {
      if (frame.slot === 3) b.mailbox.close()
    }
    b.mailbox.wake()
    await turn()
    expect(b.handler.frames).toHaveLength(4)
  })
})

describe('a damaged mailbox', () => {
  it('says so once and is closed', async () => {
    const { a, b } = mailboxPair()
    post(a.mailbox, 0)
    post(a.mailbox, 1)
    await turn()
    new Int32Array(b.inbound, CONTROL_BYTES)[8] = -5
    b.mailbox.wake()
    expect(b.handler.frames).toHaveLength(1)
    expect(b.handler.errors).toHaveLength(1)
    expect(b.handler.errors[0]).toBeInstanceOf(RingCorrupt)
    expect(b.mailbox.closed).toBe(true)
    b.mailbox.wake()
    await turn()
    expect(b.handler.errors).toHaveLength(1)
  })

  it('is also one whose frame makes its handler throw: the thread of the other sessions goes on', async () => {
    const { a, b } = mailboxPair()
    post(a.mailbox, 0)
    await turn()
    const error = new TypeError('a frame that makes no sense')
    b.handler.also = () => {
      throw error
    }
    b.mailbox.wake()
    expect(b.handler.errors).toEqual([error])
    expect(b.mailbox.closed).toBe(true)
  })
})

describe('a frame larger than the ring takes', () => {
  it('is refused and does not keep the others from going', async () => {
    const { a, b } = mailboxPair(1024)
    const { maxPayloadBytes } = a.mailbox
    expect(a.mailbox.tryReserve(1, 0, 0, maxPayloadBytes + 1)).toBe(-1)
    expect(() => a.mailbox.reserve(1, 0, 0, maxPayloadBytes + 1)).toThrow(RangeError)
    expect(a.mailbox.congested).toBe(false)
    post(a.mailbox, 0, maxPayloadBytes)
    await turn()
    await settle(b)
    expect(wrongWith(b.handler.frames, [maxPayloadBytes])).toBeNull()
  })
})
