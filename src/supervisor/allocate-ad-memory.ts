import { isDeepStrictEqual } from 'node:util'
import { breakerMemory, releaseBreaker } from '../ads/middleware/circuit-breaker.js'
import type { AdMemory } from '../ads/route/ad-memory.js'
import type { GatewayConfig } from '../config/types.js'
import { AdGauges, type AdPlan } from '../telemetry/index.js'
import { now } from '../time/index.js'

/**
 * Memory for the routes of a configuration that serve ads; null: there are none.
 * @param former that of the configuration before: kept where routes, campaigns and sources are the same
 */
export function allocateAdMemory(
  config: GatewayConfig,
  workers: number,
  former: { readonly config: GatewayConfig; readonly ads: AdMemory | null } | null,
): AdMemory | null {
  const plan = planOf(config)
  if (plan.routes.length === 0) return null
  const isSame = former !== null && isDeepStrictEqual(shapeOf(former.config), shapeOf(config))
  if (isSame && former.ads !== null) return former.ads
  const breakers = adRoutes(config).map(({ adserving }) =>
    adserving.sources.map(() => breakerMemory(workers)),
  )
  return { plan, gauges: new AdGauges(plan, workers).buffer, breakers, epochMs: now() }
}

/** A worker's thread is gone: another one may probe in its place. */
export function releaseAdMemory({ plan, gauges, breakers }: AdMemory, workers: number, worker: number): void {
  new AdGauges(plan, workers, gauges).release(worker)
  for (const memory of breakers.flat()) releaseBreaker(memory, worker)
}

function adRoutes({ routes }: GatewayConfig) {
  return routes.flatMap(({ name, adserving }) => (adserving === undefined ? [] : [{ name, adserving }]))
}

function planOf(config: GatewayConfig): AdPlan {
  return {
    routes: adRoutes(config).map(({ name, adserving }) => ({
      route: name,
      store: adserving.store.kind,
      campaigns: Object.entries(adserving.campaigns)
        .filter(([, { cpm, price }]) => cpm !== null || price === 'bid')
        .map(([campaign]) => campaign),
    })),
  }
}

function shapeOf(config: GatewayConfig): unknown {
  const sources = adRoutes(config).map(({ adserving }) =>
    adserving.sources.map(({ name, kind, url }) => [name, kind, url]),
  )
  return { plan: planOf(config), sources }
}
