import { isDeepStrictEqual } from 'node:util'
import type { GatewayConfig } from '../config/types.js'
import { type Dispatcher, Router, type Routing } from '../dispatch/index.js'
import { type HeaderEdits, headersOptions } from '../filters/index.js'
import { HistogramStore, StoreCopy } from '../histograms/index.js'
import type { Logger } from '../logging/index.js'
import type { CounterRow, SharedCounters, WorkerBoard } from '../memory/index.js'
import type { GatewayCounter } from '../session/counters.js'
import { configuredPeers, followTable, PeerTable, tablePlan } from '../upstream/index.js'
import type { Seats } from './seats.js'
import { WorkerPool } from './worker-pool.js'

const PRIORITIES = { low: 0, normal: 1, high: 2 } as const

/** What all generations have in common. */
export interface Common {
  readonly board: WorkerBoard
  readonly counters: SharedCounters<GatewayCounter>
  /** The main thread's. */
  readonly row: CounterRow<GatewayCounter>
  readonly seats: Seats
  /** Of the `GcraTable`. */
  readonly rateLimits: SharedArrayBuffer
  readonly dispatcher: Dispatcher
  readonly logger: Logger
  readonly instanceId: string
}

/** One configuration at work: its workers, and what they share with nobody of another configuration unless names match. */
export interface Generation {
  readonly config: GatewayConfig
  readonly pool: WorkerPool
  readonly peers: PeerTable
  readonly histograms: HistogramStore
  /** To be used before the pool takes over. */
  readonly routing: Routing
  /** Copies what was measured before; null when the store is the same. */
  readonly measured: StoreCopy | null
}

/**
 * Makes the workers of a configuration; they are not started yet.
 * @param seats one for each worker
 * @param former what it takes the place of: peers, breakers and histograms go on where names match
 */
export function createGeneration(
  common: Common,
  config: GatewayConfig,
  seats: readonly number[],
  former: Generation | null,
): Generation {
  const peers = former === null ? firstTable(config, common.seats.count) : nextTable(config, common, former)
  const routes = namesOf(config)
  const before = former === null ? [] : namesOf(former.config)
  const histograms =
    former !== null && isDeepStrictEqual(routes, before)
      ? former.histograms
      : new HistogramStore(common.seats.count, routes.length)
  const { board, counters, row, dispatcher, logger, instanceId } = common
  const pool = new WorkerPool({
    config: withoutKeys(config),
    dispatcher,
    board,
    countersBuffer: counters.buffer,
    histograms: histograms.buffer,
    peers,
    counters: row,
    logger,
    instanceId,
    seats,
    rateLimits: common.rateLimits,
    spareSeats: common.seats,
    standsBy: true,
  })
  return {
    config,
    pool,
    peers,
    histograms,
    routing: routingOf(config, instanceId),
    measured:
      former === null || histograms === former.histograms
        ? null
        : new StoreCopy(former.histograms, before, histograms, routes),
  }
}

/** Workers speak to no client: the keys of certificates stay in this thread. */
function withoutKeys(config: GatewayConfig): GatewayConfig {
  return config.tls === undefined ? config : { ...config, tls: { ...config.tls, certificates: [] } }
}

/** What the dispatcher knows of a configuration. */
export function routingOf(config: GatewayConfig, instanceId: string): Routing {
  return {
    routes: config.routes,
    responseEdits: config.routes.map(responseEdits),
    router: new Router(config.routes),
    intake: {
      paths: config.paths,
      forwarding: config.forwarding,
      instanceId,
      scheme: config.tls === undefined ? 'http' : 'https',
    },
    ...(config.tls !== undefined &&
      config.tls.hsts !== '' && { commonFields: `strict-transport-security: ${config.tls.hsts}\r\n` }),
    sessionsPerWorker: config.limits.sessionsPerWorker,
    queue: { sessions: config.overload.queueSessions, waitMs: config.overload.queueMs },
    priorities: config.routes.map(({ priority = 'normal' }) => PRIORITIES[priority]),
  }
}

/** Publishes the peers as they are configured: names stand for themselves. */
export function publishConfigured({ config, peers }: Pick<Generation, 'config' | 'peers'>): void {
  for (const [index, upstream] of config.upstreams.entries())
    peers.publish(index, configuredPeers(upstream.peers))
}

function firstTable(config: GatewayConfig, seats: number): PeerTable {
  const peers = new PeerTable(tablePlan(config, seats))
  publishConfigured({ config, peers })
  return peers
}

/** With the same upstreams the table stays, so that limits hold over the workers of both configurations. */
function nextTable(config: GatewayConfig, { seats }: Common, former: Generation): PeerTable {
  const isSame = isDeepStrictEqual(
    [config.upstreams, config.dns],
    [former.config.upstreams, former.config.dns],
  )
  if (isSame) return former.peers
  return followTable(tablePlan(config, seats.count), config.upstreams, former.peers, former.config.upstreams)
}

function namesOf(config: GatewayConfig): string[] {
  return config.routes.map(({ name }) => name)
}

/** What the built-in filter `headers` does to answers on a route, as data. */
function responseEdits(route: GatewayConfig['routes'][number]): HeaderEdits[] {
  return route.filters.flatMap((ref) => {
    if (ref.kind !== 'builtin' || ref.name !== 'headers') return []
    const parsed = headersOptions.safeParse(ref.options ?? {})
    return parsed.success && parsed.data.response !== undefined ? [parsed.data.response] : []
  })
}
