import type { GatewayConfig } from '../config/types.js'
import { loadFilter } from '../filters/index.js'
import { FilterChain, type Route } from '../lifecycle/index.js'
import { createUpstream, type Upstream, type UpstreamSurroundings } from '../upstream/index.js'

/** The routes of the configuration, ready to run in this thread, by index. */
export interface LoadedRoutes {
  readonly routes: readonly Route[]
  readonly upstreams: ReadonlyMap<string, Upstream>
}

/**
 * Loads all filters and opens the upstreams' pools.
 * @param surroundings of each upstream, by its place in the configuration
 * @throws FilterLoadError
 */
export async function loadRoutes(
  config: GatewayConfig,
  surroundings: (upstream: number) => UpstreamSurroundings,
): Promise<LoadedRoutes> {
  const chains: FilterChain[] = []
  for (const route of config.routes) {
    const filters = []
    for (const ref of route.filters) filters.push(await loadFilter(ref))
    chains.push(new FilterChain(filters))
  }
  // Behind the filters: a worker that cannot start is to ask no name server.
  const upstreams = new Map(
    config.upstreams.map((upstream, index) => [upstream.name, createUpstream(upstream, surroundings(index))]),
  )
  const routes: Route[] = []
  for (const [index, route] of config.routes.entries()) {
    const chain = chains[index]
    const upstream = upstreams.get(route.upstream)
    if (chain === undefined || upstream === undefined)
      throw new Error(`route ${route.name}: no upstream is called '${route.upstream}'`)
    routes.push({
      index,
      name: route.name,
      chain,
      upstream,
      bufferRequestBody: route.bufferRequestBody || chain.bufferRequestBody,
      bufferResponseBody: route.bufferResponseBody || chain.bufferResponseBody,
    })
  }
  return { routes, upstreams }
}
