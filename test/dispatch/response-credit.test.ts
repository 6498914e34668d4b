import { describe, expect, it } from 'vitest'
import { WINDOW_BYTES } from '#src/mailbox/index.js'
import { expectNothingLeft, Rig } from './support/rig.js'

describe('a streamed answer', () => {
  it('is granted as it leaves, in halves of the window', async () => {
    const rig = new Rig()
    const exchange = await rig.open()
    const worker = rig.worker()
    const session = worker.last
    const piece = Buffer.alloc(WINDOW_BYTES / 8, 'x')
    worker.begin(session)
    for (let i = 0; i < 3; i += 1) worker.body(session, piece)
    await rig.settle()
    expect(session.credited).toBe(0)
    worker.body(session, piece)
    await rig.settle()
    expect(session.credited).toBe(WINDOW_BYTES / 2)
    for (let i = 0; i < 6; i += 1) worker.body(session, piece)
    await rig.settle()
    expect(session.credited).toBe(WINDOW_BYTES)
    expect(exchange.body).toHaveLength((10 * WINDOW_BYTES) / 8)
  })

  it('is not granted while the client is slow, and at once when it takes more', async () => {
    const rig = new Rig()
    const exchange = await rig.open()
    const worker = rig.worker()
    const session = worker.last
    worker.begin(session)
    exchange.hasRoom = false
    for (let i = 0; i < 4; i += 1) worker.body(session, Buffer.alloc(50_000))
    await rig.settle()
    expect(session.credited).toBe(0)
    exchange.drain()
    await rig.settle()
    expect(session.credited).toBe(200_000)
    exchange.drain()
    await rig.settle()
    expect(session.credited).toBe(200_000)
    worker.end(session)
    await rig.settle()
    expectNothingLeft(rig)
  })
})
