import { describe, expect, it } from 'vitest'
import { mailboxPair, post, settle, turn } from './support/mailbox-pair.js'

describe('quiet frames', () => {
  it('wake nobody, and are found by whoever wakes', async () => {
    const { a, b } = mailboxPair()
    await settle(b)
    a.mailbox.reserveQuietly(5, 0, ~0, 0)
    await turn()
    expect(b.rung).toBe(0)
    expect(b.handler.frames).toEqual([])
    b.mailbox.wake()
    expect(b.handler.frames).toHaveLength(1)
  })

  it.each(['before', 'after'])(
    'do not keep a frame of the same turn quiet that was written %s',
    async (when) => {
      const { a, b } = mailboxPair()
      await settle(b)
      if (when === 'before') post(a.mailbox, 0)
      a.mailbox.reserveQuietly(5, 0, 0, 0)
      if (when === 'after') post(a.mailbox, 0)
      await turn()
      expect(b.rung).toBe(1)
    },
  )

  it('do not keep later frames quiet', async () => {
    const { a, b } = mailboxPair()
    await settle(b)
    a.mailbox.reserveQuietly(5, 0, 0, 0)
    await turn()
    post(a.mailbox, 1)
    await turn()
    expect(b.rung).toBe(1)
    await settle(b)
    expect(b.handler.frames).toHaveLength(2)
  })

  it('wake the other side when they fill the ring, so that it makes room', async () => {
    const { a, b } = mailboxPair(1024)
    await settle(b)
    let written = 0
    while (!a.mailbox.congested && written < 100) {
      a.mailbox.reserveQuietly(5, written, 0, 40)
      written += 1
      await turn()
    }
    expect(b.rung).toBe(1)
    await settle(b)
    expect(a.rung).toBe(1)
    a.mailbox.wake()
    await turn()
    await settle(b)
    expect(b.handler.frames.map(({ slot }) => slot)).toEqual([...Array(written).keys()])
  })

  it('wake the other side also for a session that finds no room because of them', async () => {
    const { a, b } = mailboxPair(1024)
    await settle(b)
    for (let i = 0; i < 16; i += 1) a.mailbox.reserveQuietly(5, i, 0, 40)
    await turn()
    expect(b.rung).toBe(0)
    expect(a.mailbox.tryReserve(1, 0, 0, 40)).toBe(-1)
    await turn()
    expect(b.rung).toBe(1)
  })
})
