import type { GatewayConfig } from '../config/types.js'
import { loadFilter } from '../filters/index.js'
import { FilterChain, type Route } from '../lifecycle/index.js'
import { createUpstream, type Upstream } from '../upstream/index.js'

/** The routes of the configuration, ready to run in this thread, by index. */
export interface LoadedRoutes {
  readonly routes: readonly Route[]
  readonly upstreams: ReadonlyMap<string, Upstream>
}

/** Loads all filters and opens the upstreams' pools. @throws FilterLoadError */
export async function loadRoutes(config: GatewayConfig): Promise<LoadedRoutes> {
  const upstreams = new Map(config.upstreams.map((upstream) => [upstream.name, createUpstream(upstream)]))
  const routes: Route[] = []
  for (const [index, route] of config.routes.entries()) {
    const upstream = upstreams.get(route.upstream)
    if (upstream === undefined)
      throw new Error(`route ${route.name}: no upstream is called '${route.upstream}'`)
    const filters = []
    for (const ref of route.filters) filters.push(await loadFilter(ref))
    const chain = new FilterChain(filters)
    routes.push({
      index,
      name: route.name,
      chain,
      upstream,
      upgrades: route.upgrades,
      bufferRequestBody: route.bufferRequestBody || chain.bufferRequestBody,
      bufferResponseBody: route.bufferResponseBody || chain.bufferResponseBody,
    })
  }
  return { routes, upstreams }
}
