import { ConfigError } from '../config/config-error.js'
import { loadConfig } from '../config/load.js'
import type { GatewayConfig } from '../config/types.js'
import { createLogger } from '../logging/index.js'
import type { ObservableGateway } from '../supervisor/index.js'
import { startGateway } from '../supervisor/index.js'
import { answerParent } from './child.js'
import type { GatewayProcessPlan } from './gateway-process.js'

let gateway: ObservableGateway | null = null
let busy = performance.eventLoopUtilization()

// A gateway under measurement: see startGatewayProcess().
answerParent({
  start: async (value) => {
    const plan = value as GatewayProcessPlan
    const config = await configOf(plan)
    gateway = await startGateway(config, { logger: createLogger(config.log) })
    return { port: gateway.listen.port, workers: gateway.workers, acceptor: gateway.acceptorKind }
  },
  sample: () => {
    const now = performance.eventLoopUtilization()
    const acceptorBusy = performance.eventLoopUtilization(now, busy).utilization
    busy = now
    const { userCPUTime, systemCPUTime, involuntaryContextSwitches } = process.resourceUsage()
    return {
      ...gateway?.stats(),
      acceptorBusy,
      workersBusy: gateway?.workersBusy() ?? [],
      cpuUs: userCPUTime + systemCPUTime,
      residentBytes: process.memoryUsage.rss(),
      preemptions: involuntaryContextSwitches,
    }
  },
})

async function configOf({
  config: file,
  workers,
  mockPort,
  upstream,
}: GatewayProcessPlan): Promise<GatewayConfig> {
  const overrides = {
    listen: '127.0.0.1:0',
    admin: 'off',
    logLevel: 'warn',
    ...(workers !== undefined && { workers: String(workers) }),
  }
  const { config } = await loadConfig({ ...(file !== null && { file }), overrides }).catch(
    (error: unknown) => {
      throw error instanceof ConfigError ? new Error(error.message) : error
    },
  )
  // The access log would measure the terminal it is written to.
  const measured = { ...config, log: { ...config.log, access: false } }
  if (mockPort !== undefined) return withUpstream(measured, `http://127.0.0.1:${mockPort}`)
  return upstream === undefined ? measured : withUpstream(measured, upstream)
}

/** One peer in place of all: it stands for the upstream as a whole, and is always well. */
async function withUpstream(config: GatewayConfig, url: string): Promise<GatewayConfig> {
  const alone = await loadConfig({ file: null, overrides: { upstream: [url] } })
  const peers = alone.config.upstreams[0]?.peers ?? []
  const upstreams = config.upstreams.map(({ health: _, ...upstream }) => ({ ...upstream, peers }))
  return { ...config, upstreams }
}
