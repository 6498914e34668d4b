import { describe, expect, it } from 'vitest'
import { expectNothingLeft, Rig } from './support/rig.js'

describe('C3 the loss of a worker', () => {
  it('is a 502 for who has no answer yet, and a broken connection for who has a part', async () => {
    const rig = new Rig({ workers: 2 })
    const exchanges = [rig.request(), rig.request(), rig.request(), rig.request()]
    await rig.settle()
    const worker = rig.worker(0)
    const [waiting, streaming] = worker.live
    if (waiting === undefined || streaming === undefined) throw new Error('not spread')
    worker.begin(streaming)
    worker.body(streaming, Buffer.from('part'))
    await rig.settle()
    rig.loseWorker(0)
    const phases = exchanges.map(({ phase, status }) => `${phase} ${status}`).sort()
    expect(phases).toEqual(['aborted 200', 'finished 502', 'waiting 0', 'waiting 0'])
    const answered = exchanges.find(({ status }) => status === 502)
    expect(answered?.headerBlock).toContain('proxy-status: headgate; error=proxy_internal_error\r\n')
    expect([rig.count('answered'), rig.count('aborted')]).toEqual([1, 1])
    expect([rig.board.inFlight(0), rig.board.inFlight(1)]).toEqual([0, 2])
    for (const session of rig.worker(1).live) rig.worker(1).respond(session)
    await rig.settle()
    expectNothingLeft(rig)
  })

  it.each(['in one frame', 'as a stream'])(
    'is nothing to a slow client whose answer was handed over whole, %s',
    async (how) => {
      const rig = new Rig()
      const slow = await rig.open({}, false)
      const left = await rig.open({}, false)
      const worker = rig.worker()
      for (const session of worker.live) {
        if (how === 'in one frame') worker.respond(session, 200, '', Buffer.from('whole'))
        else {
          worker.begin(session)
          worker.body(session, Buffer.from('whole'))
          worker.end(session)
        }
      }
      await rig.settle()
      expect(slow.phase).toBe('ending')
      rig.loseWorker(0)
      expect(rig.board.inFlight(0)).toBe(0)
      expect(rig.dispatcher.inFlight).toBe(2)
      slow.finish()
      left.leave()
      expect(slow.phase).toBe('finished')
      expect(String(slow.body)).toBe('whole')
      expect([rig.count('answered'), rig.count('aborted')]).toEqual([1, 1])
      expectNothingLeft(rig)
    },
  )

  it('reads what the worker had published, and nothing of it reaches a later session', async () => {
    const rig = new Rig()
    const exchange = await rig.open()
    const worker = rig.worker()
    worker.respond(worker.last, 200)
    worker.mailbox.flushNow()
    rig.loseWorker(0)
    expect(exchange.status).toBe(200)
    rig.addWorker(0)
    const next = await rig.open()
    expect(next.phase).toBe('waiting')
    rig.worker().respond(rig.worker().last, 204)
    await rig.settle()
    expect(next.status).toBe(204)
    expectNothingLeft(rig)
  })

  it('may be reported for a worker that never was ready', () => {
    const rig = new Rig()
    const link = rig.link(0)
    rig.loseWorker(0)
    rig.dispatcher.removeLink(link)
    expect(rig.request().status).toBe(503)
    expectNothingLeft(rig)
  })

  it('says that nothing is in flight any more', async () => {
    const rig = new Rig()
    await rig.open()
    await rig.open()
    expect(rig.idles).toBe(0)
    rig.loseWorker(0)
    expect(rig.idles).toBe(1)
  })
})
