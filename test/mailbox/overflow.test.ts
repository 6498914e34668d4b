import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mailboxPair, post, settle, turn, wrongWith } from './support/mailbox-pair.js'

const CAPACITY = 1024
const MAX_PAYLOAD = CAPACITY / 4 - 32

describe('a full mailbox', () => {
  it('lets frames wait in order, says that it is congested, and says once when it is not any more', async () => {
    const { a, b } = mailboxPair(CAPACITY)
    await settle(b)
    const sizes = new Array(50).fill(100)
    for (const i of sizes.keys()) post(a.mailbox, i, 100)
    expect(a.mailbox.congested).toBe(true)
    expect(a.mailbox.tryReserve(1, 0, 0, 0)).toBe(-1)
    let rounds = 0
    while (a.mailbox.congested) {
      await turn()
      await settle(b)
      expect(a.rung).toBe(rounds + 1)
      expect(a.handler.rooms).toBe(0)
      a.mailbox.wake()
      rounds += 1
    }
    expect(a.handler.rooms).toBe(1)
    expect(rounds).toBe(6)
    await turn()
    await settle(b)
    expect(wrongWith(b.handler.frames, sizes)).toBeNull()
    expect(a.mailbox.tryReserve(1, 0, 0, 0)).toBeGreaterThan(0)
  })

  it('rings the other side for what had to wait, also after a quiet turn', async () => {
    const { a, b } = mailboxPair(CAPACITY)
    for (let i = 0; i < 9; i += 1) post(a.mailbox, i, 100)
    await turn()
    await settle(b)
    expect(b.handler.frames).toHaveLength(8)
    expect(b.asleep).toBe(true)
    const before = b.rung
    a.mailbox.wake()
    await turn()
    expect(b.rung).toBe(before + 1)
    await settle(b)
    expect(wrongWith(b.handler.frames, new Array(9).fill(100))).toBeNull()
  })

  it('may be filled again by those who were told of the room', async () => {
    const { a, b } = mailboxPair(CAPACITY)
    a.onBell = () => setImmediate(() => a.mailbox.wake())
    b.onBell = () => setImmediate(() => b.mailbox.wake())
    await settle(b)
    let next = 0
    const fill = (): void => {
      while (next < 400 && !a.mailbox.congested) post(a.mailbox, next++, 200)
    }
    a.handler.alsoOnRoom = fill
    const all = new Promise<void>((resolve) => {
      b.handler.also = (frame) => {
        if (frame.slot === 399) resolve()
      }
    })
    fill()
    await all
    expect(wrongWith(b.handler.frames, new Array(400).fill(200))).toBeNull()
    expect(a.handler.rooms).toBeGreaterThan(10)
  })

  it('keeps order and content for any sizes in both directions, with everybody asleep who may be', async () => {
    const sizes = fc.array(fc.array(fc.integer({ min: 0, max: MAX_PAYLOAD }), { maxLength: 30 }), {
      maxLength: 12,
    })
    await fc.assert(
      fc.asyncProperty(sizes, sizes, fc.nat(3), async (fromA, fromB, slowness) => {
        const { a, b } = mailboxPair(CAPACITY)
        for (const end of [a, b]) {
          end.onBell = () => {
            // Some turns may pass before a message arrives.
            let left = slowness
            const arrive = (): void => {
              if (left === 0) end.mailbox.wake()
              else setImmediate(arrive)
              left -= 1
            }
            setImmediate(arrive)
          }
        }
        await settle(a)
        await settle(b)
        const flatA = fromA.flat()
        const flatB = fromB.flat()
        const all = new Promise<void>((resolve) => {
          const check = (): void => {
            if (b.handler.frames.length === flatA.length && a.handler.frames.length === flatB.length)
              resolve()
          }
          a.handler.also = check
          b.handler.also = check
          check()
        })
        let sequenceA = 0
        let sequenceB = 0
        for (let i = 0; i < Math.max(fromA.length, fromB.length); i += 1) {
          for (const size of fromA[i] ?? []) post(a.mailbox, sequenceA++, size)
          for (const size of fromB[i] ?? []) post(b.mailbox, sequenceB++, size)
          await turn()
        }
        await all
        expect(wrongWith(b.handler.frames, flatA)).toBeNull()
        expect(wrongWith(a.handler.frames, flatB)).toBeNull()
        expect(a.mailbox.congested || b.mailbox.congested).toBe(false)
      }),
      { numRuns: 100 },
    )
  })
})
