import { expect, it } from 'vitest'
import { compileFilters } from '../support/compile-filter.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess, InProcessGateway } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
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

it('C3 workerLimits.memory replaces a worker whose buffers have grown, which the limits of heaps do not see', async () => {
  const origin = await HttpOrigin.start((_, response) => void response.end('fine'))
  const filters = compileFilters(new URL('../faults/filters/hoard.ts', import.meta.url))
  const gateway = await InProcessGateway.start({
    workers: 1,
    workerLimits: { memory: '160MiB' },
    upstreams: { app: { peers: [origin.address] } },
    routes: [{ upstream: 'app', filters: [filters.path('hoard')] }],
  })
  try {
    expect((await fetchAnswer(gateway.port, '/')).status).toBe(200)
    for (let buffers = 0; buffers < 4; buffers += 1)
      expect((await fetchAnswer(gateway.port, '/hoard')).status).toBe(200)
    await gateway.log.until((line) => line.msg === 'a worker was recycled')
    const [line] = gateway.log.saying('a worker was recycled')
    expect(line).toMatchObject({ reason: 'memory', lost: 0 })
    expect((await fetchAnswer(gateway.port, '/')).status).toBe(200)
    expect(gateway.stats.counters.worker_restarts).toBe(0)
    await gateway.settle()
  } finally {
    await gateway.close()
    filters.remove()
    await origin.close()
  }
})

it('run --max-worker-age replaces workers that are older', async () => {
  const origin = await HttpOrigin.start((_, response) => void response.end('fine'))
  const config = { workers: 1, upstreams: { app: { peers: [origin.address] } } }
  const gateway = await GatewayProcess.start(config, ['--max-worker-age', '300ms'])
  try {
    const [line] = await gateway.log.until((entry) => entry.msg === 'a worker was recycled')
    expect(line).toMatchObject({ reason: 'age', lost: 0 })
    expect((await fetchAnswer(gateway.port, '/')).status).toBe(200)
  } finally {
    await gateway.close()
    await origin.close()
  }
})
