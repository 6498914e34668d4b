import { isDeepStrictEqual } from 'node:util'
import type { AccessLogEnd } from '../access-log/index.js'
import type { AdMemory } from '../ads/route/ad-memory.js'
import type { CacheMemory } from '../cache/cache-memory.js'
import type { GatewayConfig } from '../config/types.js'
import { type Dispatcher, type LinkMemory, Router, type Routing } from '../dispatch/index.js'
import { type HeaderEdits, headersOptions } from '../filters/index.js'
import {
  HistogramStore,
  histogramWriters,
  rowNames,
  StoreCopy,
  type ValueRecorder,
} from '../histograms/index.js'
import type { Logger } from '../logging/index.js'
import type { CounterRow, SharedCounters, WorkerBoard } from '../memory/index.js'
import type { EndedSpan } from '../otlp/index.js'
import type { GatewayCounter } from '../session/counters.js'
import { Telemetry, type TelemetryBuffers } from '../telemetry/index.js'
import { Tracer } from '../tracing/index.js'
import { configuredPeers, followTable, PeerTable, tablePlan } from '../upstream/index.js'
import type { AccessLogs } from './access-logs.js'
import { allocateAdMemory, releaseAdMemory } from './allocate-ad-memory.js'
import { Journal } from './journal.js'
import { OwnSpans } from './own-spans.js'
import type { Seats } from './seats.js'
import type { SharedCache } from './shared-cache.js'
import type { StateStores } from './state-stores.js'
import { WorkerPool } from './worker-pool.js'

const PRIORITIES = { low: 0, normal: 1, high: 2 } as const

const NO_RECORDER: ValueRecorder = { record: () => undefined, answered: () => undefined }

/** What all generations have in common. */
export interface Common {
  readonly board: WorkerBoard
  readonly counters: SharedCounters<GatewayCounter>
  /** The main thread's. */
  readonly row: CounterRow<GatewayCounter>
  readonly seats: Seats
  /** Of the `GcraTable`. */
  readonly rateLimits: SharedArrayBuffer
  readonly linkMemory: LinkMemory
  /** Gauges of all threads, of the `Telemetry`. */
  readonly threads: TelemetryBuffers['threads']
  readonly cache: SharedCache
  readonly accessLogs: AccessLogs
  readonly states: StateStores
  readonly dispatcher: Dispatcher
  readonly logger: Logger
  readonly instanceId: string
  /** Takes spans of the main thread to where they are exported. @returns how many found room */
  deliverSpans(spans: readonly EndedSpan[]): number
  readonly onHopeless?: ((cause: Error) => void) | undefined
}

/** One configuration at work: its workers, and what they share with nobody of another configuration unless names match. */
export interface Generation {
  readonly config: GatewayConfig
  readonly pool: WorkerPool
  readonly peers: PeerTable
  readonly histograms: HistogramStore
  readonly telemetry: Telemetry
  /** Null: no route has a cache. */
  readonly cache: CacheMemory | null
  /** Null: no route serves ads. */
  readonly ads: AdMemory | null
  readonly journal: Journal
  /** To be used before the pool takes over. */
  readonly routing: Routing
  /** Copies what was measured before; null when the store is the same. */
  readonly measured: StoreCopy | null
}

/**
 * Makes the workers of a configuration; they are not started yet.
 * @param seats one for each worker
 * @param accessLog the end of each seat, and behind them the acceptor's; empty: no access log
 * @param former what it takes the place of: peers, breakers and histograms go on where names match
 */
export function createGeneration(
  common: Common,
  config: GatewayConfig,
  seats: readonly number[],
  former: Generation | null,
  accessLog: readonly AccessLogEnd[],
): Generation {
  const peers = former === null ? firstTable(config, common.seats.count) : nextTable(config, common, former)
  const { board, counters, row, dispatcher, logger, instanceId, threads } = common
  const workers = common.seats.count
  const rows = rowNames(config.routes)
  const before = former === null ? [] : rowNames(former.config.routes)
  const same = isDeepStrictEqual(rows, before) ? former : null
  const histograms = same?.histograms ?? new HistogramStore(histogramWriters(workers), rows.length)
  const upstreams = former !== null && hasSameUpstreams(former.config, config) ? former.telemetry : null
  const telemetry =
    same !== null && upstreams !== null
      ? same.telemetry
      : new Telemetry(
          { workers, routes: config.routes.length, upstreams: config.upstreams.length },
          {
            threads,
            ...(same !== null && {
              answers: same.telemetry.answers.buffer,
              errors: same.telemetry.errors.buffer,
            }),
            ...(upstreams !== null && { upstreams: upstreams.upstreams.buffer }),
          },
        )
  const cache = common.cache.memoryFor(config, same?.cache ?? null)
  const hits = cache === null ? null : common.cache.hits(cache, config)
  const ads = allocateAdMemory(config, workers, former)
  const isMeasured = config.telemetry !== false
  const journal = new Journal({
    rows,
    recorder: isMeasured ? histograms.recorder(workers) : NO_RECORDER,
    errors: telemetry.errors.row(0),
    accessLog: accessLog[workers],
    ...(config.tracing !== undefined &&
      config.otlp?.tracesUrl && {
        spans: new OwnSpans({
          tracer: new Tracer(config.tracing),
          scheme: config.tls === undefined ? 'http' : 'https',
          deliver: (spans) => common.deliverSpans(spans),
          onLost: (lost) => logger.warn({ lost }, 'spans could not be exported'),
        }),
      }),
  })
  const pool = new WorkerPool({
    config: withoutKeys(config),
    dispatcher,
    board,
    countersBuffer: counters.buffer,
    histograms: histograms.buffer,
    telemetry: telemetry.buffers,
    ...(cache === null ? {} : { cache }),
    accessLogs: accessLog,
    storePorts: () => common.states.ports(),
    ...(ads === null ? {} : { ads }),
    async forget(seat) {
      if (ads !== null) releaseAdMemory(ads, workers, seat)
      await common.cache.forget(seat)
    },
    peers,
    counters: row,
    logger,
    instanceId,
    seats,
    rateLimits: common.rateLimits,
    linkMemory: common.linkMemory,
    spareSeats: common.seats,
    onHopeless: (cause) => common.onHopeless?.(cause),
    standsBy: true,
  })
  return {
    config,
    pool,
    peers,
    histograms,
    telemetry,
    cache,
    ads,
    journal,
    routing: {
      ...routingOf(config, instanceId),
      ...(isMeasured && { answers: telemetry.answers }),
      ...(hits === null ? {} : { hits }),
      onEndedHere: (end) => journal.onEnded(end),
    },
    measured:
      former === null || histograms === former.histograms
        ? null
        : new StoreCopy(former.histograms, before, histograms, rows),
  }
}

/** What the acceptor's thread has counted goes over to the next configuration, with what its sessions that still run will add. */
export function bequeath(former: Generation, next: Generation, seats: number): void {
  const { measured } = next
  if (measured === null) return
  const routeOf = (route: number): number => measured.routeOf(route)
  measured.copyNow(seats)
  former.telemetry.answers.bequeath(next.telemetry.answers, routeOf)
  former.journal.bequeath(next.journal, routeOf)
}

function hasSameUpstreams(former: GatewayConfig, next: GatewayConfig): boolean {
  const names = ({ upstreams }: GatewayConfig): string[] => upstreams.map(({ name }) => name)
  return isDeepStrictEqual(names(former), names(next))
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
    ...(config.answers?.serverTiming === true && { serverTiming: true }),
    ...(config.answers?.proxyStatus === false && { proxyStatus: false }),
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

/** What the built-in filter `headers` does to answers on a route, as data. */
function responseEdits(route: GatewayConfig['routes'][number]): HeaderEdits[] {
  return route.filters.flatMap((ref) => {
    if (ref.kind !== 'builtin' || ref.name !== 'headers') return []
    const parsed = headersOptions.safeParse(ref.options ?? {})
    return parsed.success && parsed.data.response !== undefined ? [parsed.data.response] : []
  })
}
