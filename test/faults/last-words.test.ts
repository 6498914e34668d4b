import { describe, expect, it } from 'vitest'
import { Rig } from '../dispatch/support/rig.js'
import { conserved } from '../support/conservation.js'

conserved()

describe('what a worker has published before it dies', () => {
  it('C3 answers that are complete reach their clients, the others get 502', async () => {
    const rig = new Rig()
    const answered = await rig.open()
    const streamed = await rig.open()
    const silent = await rig.open()
    const worker = rig.worker()
    const [first, second] = worker.sessions
    if (first === undefined || second === undefined) throw new Error('no sessions')
    worker.respond(first, 200, '', Buffer.from('whole'))
    worker.begin(second)
    worker.body(second, Buffer.from('in pieces'))
    worker.end(second)
    // Published, its bell not yet heard: the same turn of the loop brings its end.
    worker.mailbox.flushNow()
    rig.loseWorker(0)

    expect([answered.status, answered.body.toString(), answered.phase]).toEqual([200, 'whole', 'finished'])
    expect([streamed.status, streamed.body.toString(), streamed.phase]).toEqual([
      200,
      'in pieces',
      'finished',
    ])
    expect([silent.status, silent.phase]).toEqual([502, 'finished'])
    expect(rig.dispatcher.inFlight).toBe(0)
    expect({ answered: rig.count('answered'), aborted: rig.count('aborted') }).toEqual({
      answered: 3,
      aborted: 0,
    })
  })
})
