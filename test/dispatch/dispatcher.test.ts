import { describe, expect, it } from 'vitest'
import { CONTROL_BYTES } from '#src/mailbox/ring-layout.js'
import type { FakeExchange } from './support/fake-exchange.js'
import { expectNothingLeft, Rig, route, turn } from './support/rig.js'

/** The error document of an answer. */
function errorOf(exchange: FakeExchange): { status: number; error: string } {
  expect(exchange.headerBlock).toContain('content-type: application/json\r\n')
  return JSON.parse(exchange.body.toString())
}

describe('a session', () => {
  it('goes to its worker with everything that the acceptor knows, and back with a whole answer', async () => {
    const rig = new Rig({ routes: [route({ path: '/other' }), route()] })
    const head = {
      method: 'POST',
      target: '/ä?x=1',
      headerBlock: 'host: example.com\r\nx-a: \xff\r\n',
      contentLength: 7,
      remoteAddress: '2001:db8::1',
      upgrade: 'websocket',
      requestId: 'req-1',
      startMs: 1234.5,
    }
    const exchange = await rig.open(head)
    const worker = rig.worker()
    expect(worker.last.open).toEqual({ ...head, route: 1 })
    expect(rig.board.inFlight(0)).toBe(1)
    worker.respond(worker.last, 201, 'x-b: \xe9\r\n', Buffer.from('hello'))
    await rig.settle()
    expect([exchange.status, exchange.headerBlock, String(exchange.body)]).toEqual([
      201,
      'x-b: \xe9\r\n',
      'hello',
    ])
    expect(exchange.phase).toBe('finished')
    expect([rig.count('status:2xx'), rig.count('bytes_out')]).toEqual([1, 5])
    expect(worker.last.end).toBe('sent')
    expectNothingLeft(rig)
  })

  it('streams its answer, with 1xx before and trailers after', async () => {
    const rig = new Rig()
    const exchange = await rig.open({}, false)
    const worker = rig.worker()
    worker.informational(worker.last, 103, 'link: </a>\r\n')
    worker.begin(worker.last)
    worker.body(worker.last, Buffer.from('one '))
    await rig.settle()
    expect(exchange.informational).toEqual([{ status: 103, block: 'link: </a>\r\n' }])
    expect(exchange.phase).toBe('streaming')
    worker.body(worker.last, Buffer.from('two'))
    worker.end(worker.last, 'x-t: 1\r\n')
    await rig.settle()
    expect([String(exchange.body), exchange.trailers]).toEqual(['one two', 'x-t: 1\r\n'])
    // The worker hears of it when the client has it all.
    expect(worker.last.end).toBeNull()
    expect(rig.count('answered')).toBe(0)
    exchange.finish()
    await rig.settle()
    expect(worker.last.end).toBe('sent')
    expectNothingLeft(rig)
  })

  it('C16 that its client leaves is told to the worker and counted as aborted', async () => {
    const rig = new Rig()
    const exchange = await rig.open()
    const worker = rig.worker()
    exchange.leave()
    await rig.settle()
    expect(worker.last.end).toBe('aborted')
    expect(rig.count('aborted')).toBe(1)
    expectNothingLeft(rig)
  })

  it('whose answer is shorter than announced is an abort', async () => {
    const rig = new Rig()
    const exchange = await rig.open()
    const worker = rig.worker()
    worker.begin(worker.last, 200, 10)
    worker.body(worker.last, Buffer.from('short'))
    worker.end(worker.last)
    await rig.settle()
    expect(exchange.phase).toBe('aborted')
    expect(worker.last.end).toBe('aborted')
    expect(rig.count('aborted')).toBe(1)
    expectNothingLeft(rig)
  })

  it('that fails after its head breaks the connection', async () => {
    const rig = new Rig()
    const exchange = await rig.open()
    const worker = rig.worker()
    worker.begin(worker.last)
    worker.body(worker.last, Buffer.from('part'))
    worker.fail(worker.last)
    await rig.settle()
    expect(exchange.phase).toBe('aborted')
    expect(rig.count('aborted')).toBe(1)
    expectNothingLeft(rig)
  })

  it('that fails before its head gets an error, since the client has seen nothing', async () => {
    const rig = new Rig()
    const exchange = await rig.open()
    rig.worker().fail(rig.worker().last)
    await rig.settle()
    expect(errorOf(exchange)).toMatchObject({ status: 500, error: 'internal_error' })
    expect([rig.count('answered'), rig.count('aborted')]).toEqual([1, 0])
    expectNothingLeft(rig)
  })

  it('of which late frames arrive after its end does not disturb the next one in its slot', async () => {
    const rig = new Rig()
    const worker = rig.worker()
    const gone = await rig.open()
    const before = worker.last
    worker.begin(before)
    await rig.settle()
    gone.leave()
    const exchange = await rig.open()
    expect(worker.last.slot).toBe(before.slot)
    expect(worker.last.generation).not.toBe(before.generation)
    // The worker had written all this before it heard that the client left.
    worker.body(before, Buffer.from('late'))
    worker.grant(before, 1000)
    worker.informational(before, 103, '')
    worker.end(before)
    worker.respond(before, 500)
    worker.fail(before)
    await rig.settle()
    expect(exchange.phase).toBe('waiting')
    expect(exchange.informational).toEqual([])
    worker.respond(worker.last, 204)
    await rig.settle()
    expect(exchange.status).toBe(204)
    expectNothingLeft(rig)
  })
})

describe('a request that no worker sees', () => {
  it('is answered 404 without a route', async () => {
    const rig = new Rig({ routes: [route({ host: 'example.com' })] })
    const exchange = rig.request({ host: 'example.org' })
    expect(errorOf(exchange)).toMatchObject({ status: 404, error: 'not_found' })
    expect(exchange.headerBlock).toContain('proxy-status: headgate; error=destination_not_found\r\n')
    expect(exchange.headerBlock).not.toContain('retry-after')
    expect(rig.count('error:destination_not_found')).toBe(1)
    expect(rig.answeredHere).toEqual([404])
    expectNothingLeft(rig)
  })

  it('C5 is answered 503 with Retry-After without a worker', () => {
    const rig = new Rig()
    rig.loseWorker(0)
    const exchange = rig.request()
    expect(errorOf(exchange)).toMatchObject({ status: 503, error: 'service_unavailable' })
    expect(exchange.headerBlock).toContain('retry-after: 1\r\n')
    expectNothingLeft(rig)
  })

  it('C5 is answered 503 when every worker has its number of sessions', async () => {
    const rig = new Rig({ workers: 2, sessionsPerWorker: 3 })
    for (let i = 0; i < 6; i += 1) rig.request()
    const refused = rig.request()
    expect(refused.status).toBe(503)
    expect([rig.board.inFlight(0), rig.board.inFlight(1)]).toEqual([3, 3])
    await rig.settle()
    const worker = rig.worker(1)
    worker.respond(worker.last)
    await rig.settle()
    expect(rig.request().phase).toBe('waiting')
    expect(rig.board.inFlight(1)).toBe(3)
    expect(rig.request().status).toBe(503)
  })

  it('C5 is answered 503 when the ring to the worker is full, and nothing of it stays', async () => {
    const rig = new Rig({ ringBytes: 64 * 1024 })
    const headerBlock = `x: ${'y'.repeat(15_000)}\r\n`
    const exchanges = Array.from({ length: 6 }, () => rig.request({ headerBlock }))
    expect(exchanges.map(({ status }) => status)).toEqual([0, 0, 0, 0, 503, 503])
    expect(exchanges[4]?.headerBlock).toContain('retry-after: 1\r\n')
    expect(rig.dispatcher.inFlight).toBe(4)
    expect(rig.board.inFlight(0)).toBe(4)
    await rig.settle()
    expect(rig.worker().sessions).toHaveLength(4)
    expect(rig.request({ headerBlock }).status).toBe(0)
    await rig.settle()
    for (const session of rig.worker().live) rig.worker().respond(session)
    await rig.settle()
    expectNothingLeft(rig)
  })

  it('C5 waits in the queue while the ring to the worker is full, and goes to another worker whose ring is not', async () => {
    const rig = new Rig({ ringBytes: 64 * 1024, queue: { sessions: 10, waitMs: 60_000 } })
    const headerBlock = `x: ${'y'.repeat(15_000)}\r\n`
    const exchanges = Array.from({ length: 9 }, () => rig.request({ headerBlock }))
    expect(exchanges.map(({ phase }) => phase)).toEqual(exchanges.map(() => 'waiting'))
    expect([rig.board.inFlight(0), rig.count('queued'), rig.count('rejected:queue_full')]).toEqual([4, 5, 0])
    await rig.settle()
    expect(rig.worker().sessions.map(({ open }) => open.requestId)).toEqual(
      exchanges.map(({ head }) => head.requestId),
    )
    for (const session of rig.worker().live) rig.worker().respond(session)
    await rig.settle()
    expectNothingLeft(rig)

    const two = new Rig({ workers: 2, ringBytes: 64 * 1024 })
    for (let i = 0; i < 4; i += 1) two.request({ headerBlock })
    while (two.link(0).mailbox.tryReserve(0, 0, 0, 15_000) >= 0);
    expect([two.link(0).mailbox.full, two.link(1).mailbox.full]).toEqual([true, false])
    two.request({ headerBlock: 'a: b\r\n' })
    two.request({ headerBlock: 'a: b\r\n' })
    expect([two.board.inFlight(0), two.board.inFlight(1)]).toEqual([2, 4])
  })

  it('U3 is not answered in the turn of a chunked request', async () => {
    const rig = new Rig({ routes: [] })
    const exchange = rig.request({ contentLength: -2 })
    expect(exchange.phase).toBe('waiting')
    await turn()
    expect(exchange.status).toBe(404)
    expectNothingLeft(rig)
  })

  it('has its body ignored', () => {
    const rig = new Rig({ routes: [] })
    const exchange = rig.request({ contentLength: 5 }, false)
    exchange.send(Buffer.from('hello'), true)
    exchange.finish()
    expect(rig.count('bytes_in')).toBe(0)
    expectNothingLeft(rig)
  })

  it('A-29 gets the header edits of its route', () => {
    const responseEdits = [[{ remove: ['retry-after'], set: { 'x-a': '1' }, append: {} }]]
    const rig = new Rig({ responseEdits })
    rig.loseWorker(0)
    const { headerBlock } = rig.request()
    expect(headerBlock).toMatch(/x-a: 1\r\n/i)
    expect(headerBlock).not.toMatch(/retry-after/i)
  })
})

describe('the choice of a worker', () => {
  it('is the least loaded, and among equals one after the other', async () => {
    const rig = new Rig({ workers: 3 })
    const loads = (): number[] => [0, 1, 2].map((worker) => rig.board.inFlight(worker))
    for (let i = 0; i < 3; i += 1) rig.request()
    expect(loads()).toEqual([1, 1, 1])
    for (let i = 0; i < 30; i += 1) rig.request()
    expect(loads()).toEqual([11, 11, 11])
    await rig.settle()
    const busy = rig.worker(1)
    for (const session of busy.live.slice(0, 5)) busy.respond(session)
    await rig.settle()
    expect(loads()).toEqual([11, 6, 11])
    for (let i = 0; i < 5; i += 1) rig.request()
    expect(loads()).toEqual([11, 11, 11])
  })

  it('spreads single requests over all workers', async () => {
    const rig = new Rig({ workers: 3 })
    for (let i = 0; i < 30; i += 1) {
      await rig.open()
      for (const worker of rig.workers) for (const session of worker.live) worker.respond(session)
      await rig.settle()
    }
    expect(rig.workers.map((worker) => worker.sessions.length)).toEqual([10, 10, 10])
  })

  it('passes by one whose mailbox is damaged', async () => {
    const rig = new Rig({ workers: 2 })
    const { toAcceptor, mailbox } = rig.link(0)
    const first = rig.request()
    const second = rig.request()
    await rig.settle()
    const [damaged, other] = [rig.worker(0), rig.worker(1)]
    damaged.respond(damaged.last)
    await turn()
    new Int32Array(toAcceptor, CONTROL_BYTES)[0] = -1
    await rig.settle()
    expect(rig.corrupt).toHaveLength(1)
    expect(mailbox.closed).toBe(true)
    for (let i = 0; i < 5; i += 1) expect(rig.request().phase).toBe('waiting')
    await rig.settle()
    expect(other.live).toHaveLength(6)
    rig.loseWorker(0)
    expect([first, second].map(({ status }) => status).sort()).toEqual([0, 502])
    expect(rig.board.inFlight(0)).toBe(0)
  })
})
