import { expect, it } from 'vitest'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { HttpOrigin } from '../support/http-origin.js'
import { SteadyLoad } from '../support/steady-load.js'

conserved()

it('workerLimits.maxAge replaces workers one after the other without losing a request', async () => {
  const origin = await HttpOrigin.start((_, response) => void setTimeout(() => response.end('fine'), 5))
  const gateway = await InProcessGateway.start({
    workers: 2,
    workerLimits: { maxAge: '300ms' },
    upstreams: { app: { peers: [origin.address] } },
  })
  const load = new SteadyLoad(gateway.port, '/', 4)
  try {
    await eventually('both have been replaced', () => gateway.log.saying('a worker was recycled').length >= 3)
    const { counters } = gateway.stats
    expect(counters.worker_restarts).toBe(0)
    const seen = load.answered
    await eventually('the successors answer', () => load.answered > seen + 20)
    await load.stop()
    expect(load.unusual()).toEqual([])
    expect(gateway.log.having((line) => line['lost'] !== undefined && line['lost'] !== 0)).toEqual([])
    await gateway.settle()
  } finally {
    await load.stop()
    await gateway.close()
    await origin.close()
  }
})
