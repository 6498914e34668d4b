import { describe, expect, it } from 'vitest'
import { WINDOW_BYTES } from '#src/mailbox/index.js'
import type { FakeExchange } from './support/fake-exchange.js'
import { Rig } from './support/rig.js'

const PIECE = 64 * 1024

/** Sends as an acceptor does: not while it is paused, but what was read already still arrives. */
function upload(exchange: FakeExchange, bytes: Uint8Array, from: number, pieceBytes = PIECE): number {
  let at = from
  while (at < bytes.length && !exchange.isBodyPaused) {
    const end = Math.min(at + pieceBytes, bytes.length)
    exchange.send(bytes.subarray(at, end), end === bytes.length)
    at = end
  }
  return at
}

function noise(sizeBytes: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_, i) => (i * 2654435761) >>> 13)
}

describe('a request body', () => {
  it('goes to the worker piece by piece, the last one marked', async () => {
    const rig = new Rig()
    const exchange = await rig.open({ method: 'POST', contentLength: 11 })
    exchange.send(Buffer.from('hello '))
    await rig.settle()
    const session = rig.worker().last
    expect([String(session.body), session.isBodyComplete]).toEqual(['hello ', false])
    exchange.send(Buffer.from('world'), true)
    await rig.settle()
    expect([String(session.body), session.isBodyComplete]).toEqual(['hello world', true])
    expect(rig.count('bytes_in')).toBe(11)
    expect(exchange.pauses).toBe(0)
  })

  it('may end with an empty piece', async () => {
    const rig = new Rig()
    const exchange = await rig.open({ method: 'POST', contentLength: -2 })
    exchange.send(Buffer.from('x'))
    exchange.send(new Uint8Array(0), true)
    await rig.settle()
    expect([String(rig.worker().last.body), rig.worker().last.isBodyComplete]).toEqual(['x', true])
  })

  it('is held back when the worker has granted no more, and goes on when it has', async () => {
    const rig = new Rig()
    const bytes = noise(3 * WINDOW_BYTES + 777)
    const exchange = await rig.open({ method: 'PUT', contentLength: bytes.length })
    const worker = rig.worker()
    const session = worker.last
    let sent = upload(exchange, bytes, 0)
    expect(sent).toBe(WINDOW_BYTES)
    expect(exchange.isBodyPaused).toBe(true)
    await rig.settle()
    expect(session.body).toHaveLength(WINDOW_BYTES)
    while (sent < bytes.length) {
      worker.grant(session, WINDOW_BYTES / 2)
      await rig.settle()
      expect(exchange.isBodyPaused).toBe(false)
      const before = sent
      sent = upload(exchange, bytes, sent)
      expect(sent - before).toBeLessThanOrEqual(WINDOW_BYTES / 2)
      await rig.settle()
      expect(session.body).toHaveLength(sent)
    }
    expect(session.isBodyComplete).toBe(true)
    expect(Buffer.compare(session.body, bytes)).toBe(0)
    worker.respond(session)
    await rig.settle()
    expect(exchange.misuse).toEqual([])
    expect(worker.problems).toEqual([])
  })

  it('that still arrives after the pause waits and keeps its order and content', async () => {
    const rig = new Rig()
    const bytes = noise(2 * WINDOW_BYTES)
    const exchange = await rig.open({ method: 'PUT', contentLength: bytes.length })
    const worker = rig.worker()
    const session = worker.last
    for (let at = 0; at < bytes.length; at += PIECE)
      exchange.send(bytes.subarray(at, at + PIECE), at + PIECE === bytes.length)
    expect(exchange.isBodyPaused).toBe(true)
    await rig.settle()
    expect(session.body).toHaveLength(WINDOW_BYTES)
    worker.grant(session, PIECE)
    await rig.settle()
    expect(session.body).toHaveLength(WINDOW_BYTES + PIECE)
    worker.grant(session, WINDOW_BYTES)
    await rig.settle()
    expect(Buffer.compare(session.body, bytes)).toBe(0)
    expect(session.isBodyComplete).toBe(true)
    expect(exchange.misuse).toEqual([])
  })

  it('in one piece larger than the window passes as a whole and is paid back first', async () => {
    const rig = new Rig()
    const bytes = noise(2 * WINDOW_BYTES)
    const exchange = await rig.open({ method: 'PUT', contentLength: bytes.length + 1 })
    const worker = rig.worker()
    exchange.send(bytes)
    await rig.settle()
    expect(worker.last.body).toHaveLength(bytes.length)
    worker.grant(worker.last, WINDOW_BYTES)
    await rig.settle()
    expect(exchange.isBodyPaused).toBe(true)
    worker.grant(worker.last, 1)
    await rig.settle()
    expect(exchange.isBodyPaused).toBe(false)
    exchange.send(Buffer.from('x'), true)
    await rig.settle()
    expect(worker.last.isBodyComplete).toBe(true)
  })

  it('is held back while the ring is full, for every session, and nobody is forgotten when there is room', async () => {
    const rig = new Rig({ ringBytes: 16 * 1024 })
    const bodies = Array.from({ length: 5 }, (_, i) => noise(40_000 + i))
    const exchanges = await Promise.all(
      bodies.map((body) => rig.open({ method: 'PUT', contentLength: body.length })),
    )
    const sent = bodies.map(() => 0)
    const sendAll = (): void => {
      for (const [i, exchange] of exchanges.entries())
        sent[i] = upload(exchange, bodies[i] ?? new Uint8Array(0), sent[i] ?? 0, 3000)
    }
    sendAll()
    expect(exchanges.every(({ isBodyPaused }) => isBodyPaused)).toBe(true)
    for (let rounds = 0; sent.some((at, i) => at < (bodies[i]?.length ?? 0)); rounds += 1) {
      expect(rounds).toBeLessThan(100)
      await rig.settle()
      sendAll()
    }
    await rig.settle()
    const received = rig.worker().sessions
    expect(received.map(({ isBodyComplete }) => isBodyComplete)).toEqual([true, true, true, true, true])
    for (const [i, session] of received.entries())
      expect(Buffer.compare(session.body, bodies[i] ?? new Uint8Array(0))).toBe(0)
    for (const exchange of exchanges) expect(exchange.misuse).toEqual([])
    expect(rig.worker().problems).toEqual([])
  })

  it('that waits is dropped with its session', async () => {
    const rig = new Rig()
    const exchange = await rig.open({ method: 'PUT', contentLength: 10 * WINDOW_BYTES })
    const worker = rig.worker()
    for (let i = 0; i < 6; i += 1) exchange.send(new Uint8Array(PIECE))
    exchange.leave()
    const next = await rig.open({ method: 'PUT', contentLength: 3 })
    expect(worker.last.slot).toBe(worker.sessions[0]?.slot)
    next.send(Buffer.from('abc'), true)
    await rig.settle()
    expect(String(worker.last.body)).toBe('abc')
    expect(worker.problems).toEqual([])
  })
})
