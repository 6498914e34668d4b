import type { AdRoute, AdRouteEnv } from '../ads/route/index.js'
import type { GatewayConfig, RouteConfig } from '../config/types.js'
import type { UpstreamConfig } from '../config/types-upstream.js'
import { loadFilter } from '../filters/load-filter.js'
import {
  type CacheServices,
  FilterChain,
  Mirror,
  type MirrorEvent,
  Outbound,
  type Route,
  RouteCache,
} from '../lifecycle/index.js'
import {
  PathRewriter,
  paramNames,
  parsePathPattern,
  RouteAnswerer,
  WeightedChoice,
} from '../routing/index.js'
import type { DeadlineWheel } from '../time/index.js'
import { createUpstream, type Upstream, type UpstreamSurroundings } from '../upstream/index.js'

/** The routes of the configuration, ready to run in this thread, by index. */
export interface LoadedRoutes {
  readonly routes: readonly Route[]
  readonly upstreams: ReadonlyMap<string, Upstream>
  /** Those that serve ads; to be closed with the worker. */
  readonly adRoutes: readonly AdRoute[]
}

/** What routes need of their worker. */
export interface RouteEnv {
  readonly wheel: DeadlineWheel
  count(event: MirrorEvent): void
  /** What routes that serve ads need. */
  readonly ads: AdRouteEnv
  /** Where routes have a cache. */
  readonly cache?: CacheServices
  readonly rateLimits?: SharedArrayBuffer
  /** Hears of trouble that no session can tell of. */
  readonly log?: { warn(message: string): void }
}

/** Stands where a route answers by itself. */
const NO_UPSTREAM: UpstreamConfig = {
  name: 'none',
  peers: [],
  timeouts: { connectMs: 0, headersMs: 0, idleMs: 0, totalMs: 0, tunnelMs: 0 },
  retries: { max: 0 },
  pool: { maxIdle: 0, idleMs: 0, maxAgeMs: 0 },
}

/**
 * Loads all filters and opens the upstreams' pools.
 * @param surroundings of each upstream, by its place in the configuration
 * @throws FilterLoadError
 */
export async function loadRoutes(
  config: GatewayConfig,
  env: RouteEnv,
  surroundings: (upstream: number) => UpstreamSurroundings,
): Promise<LoadedRoutes> {
  const chains: FilterChain[] = []
  const adRoutes: AdRoute[] = []
  for (const route of config.routes) {
    const filters = []
    for (const ref of route.filters)
      filters.push(await loadFilter(ref, { rateLimits: env.rateLimits, scope: route.name, log: env.log }))
    if (route.adserving !== undefined) {
      // Only where it is needed: stores and parsers are a lot to load.
      const ads = await import('../ads/route/index.js')
      const adRoute = new ads.AdRoute(route.adserving, env.ads, adRoutes.length)
      adRoutes.push(adRoute)
      filters.push(adRoute.filter)
    }
    chains.push(new FilterChain(filters))
  }
  // Behind the filters: a worker that cannot start is to ask no name server.
  const upstreams = new Map(
    config.upstreams.map((upstream, index) => [upstream.name, createUpstream(upstream, surroundings(index))]),
  )
  const routes: Route[] = []
  for (const [index, route] of config.routes.entries()) {
    routes.push(createRoute(index, route, chains[index] ?? new FilterChain([]), upstreams, env))
  }
  return { routes, upstreams, adRoutes }
}

function createRoute(
  index: number,
  config: RouteConfig,
  chain: FilterChain,
  upstreams: ReadonlyMap<string, Upstream>,
  env: RouteEnv,
): Route {
  const pattern = parsePathPattern(config.match.path)
  const { split, action, mirror } = config
  const find = (name: string): Upstream => {
    const upstream = upstreams.get(name)
    if (upstream === undefined) throw new Error(`route ${config.name}: no upstream is called '${name}'`)
    return upstream
  }
  const shared = {
    index,
    name: config.name,
    chain,
    upgrades: config.upgrades,
    bufferRequestBody: config.bufferRequestBody || chain.bufferRequestBody,
    bufferResponseBody: config.bufferResponseBody || chain.bufferResponseBody,
    ...(paramNames(pattern).length === 0 ? {} : { pattern }),
    ...(action === undefined ? {} : { answerer: new RouteAnswerer(action, pattern) }),
    ...(mirror === undefined
      ? {}
      : { mirror: new Mirror({ ...env, config: mirror, upstream: find(mirror.upstream) }) }),
  }
  const cached =
    config.cache === undefined || env.cache === undefined
      ? {}
      : { cache: new RouteCache(config.cache, env.cache) }
  const through = (upstream: Upstream): Route => ({
    ...shared,
    ...cached,
    upstream,
    ...outboundOf(config, upstream),
  })
  if (split === undefined)
    return through(config.upstream === null ? createUpstream(NO_UPSTREAM) : find(config.upstream))
  const branches = split.branches.map((branch) => through(find(branch.upstream)))
  const first = branches[0]
  if (first === undefined) throw new Error(`route ${config.name}: a split without branches`)
  const choice = new WeightedChoice(
    split.branches.map(({ weight }) => weight),
    split.key,
  )
  return { ...first, branch: (request) => branches[choice.choose(request)] ?? first }
}

function outboundOf(config: RouteConfig, upstream: Upstream): Pick<Route, 'outbound'> {
  const host = config.host ?? upstream.config.host ?? { kind: 'preserve' }
  if (host.kind === 'preserve' && config.rewrite === undefined) return {}
  const pattern = parsePathPattern(config.match.path)
  const rewriter =
    config.rewrite === undefined ? null : new PathRewriter(config.rewrite, pattern, paramNames(pattern))
  return { outbound: new Outbound(rewriter, host) }
}
