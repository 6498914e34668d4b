import { getHeapStatistics } from 'node:v8'
import { threadId } from 'node:worker_threads'
import { AccessLog } from '../access-log/index.js'
import { openCache, workerThread } from '../cache/cache-memory.js'
import { CacheCounters } from '../cache/route-counters.js'
import { ForwardingFields } from '../forwarding/index.js'
import { HistogramStore, histogramWriters } from '../histograms/index.js'
import { BackgroundRuns, type CacheServices, type MirrorEvent } from '../lifecycle/index.js'
import { createLogger, flushLogger } from '../logging/index.js'
import { RingReader, RingWriter } from '../mailbox/index.js'
import { SharedCounters, WorkerBoard } from '../memory/index.js'
import { startSpanExport } from '../otlp/index.js'
import { counterRows, GATEWAY_COUNTERS, type GatewayCounter } from '../session/counters.js'
import { describeSession } from '../session/describe.js'
import type { GatewayError } from '../session/errors.js'
import { type AttemptCounts, Telemetry, watchThread } from '../telemetry/index.js'
import { DeadlineWheel, restBeforeEnd, useClockAnchor } from '../time/index.js'
import { Tracer } from '../tracing/index.js'
import {
  keepNames,
  logBreakerChange,
  logHealthEvent,
  PeerFollower,
  PeerTable,
  tablePlan,
  targetName,
} from '../upstream/index.js'
import { logSession } from './access-entry.js'
import { Actor } from './actor.js'
import { hitRoutes } from './hit-routes.js'
import { recordSession } from './record-session.js'
import { loadRoutes } from './routes.js'
import { sessionSpans } from './session-spans.js'
import { onAdminMessage, recordError } from './telemetry.js'
import { BEAT_MS, BELL, type WorkerMessage, type WorkerTask } from './worker-task.js'

/** How often a worker tells its memory, in beats. */
const BEATS_PER_WEIGHING = 5

/**
 * The task that a pool thread runs for its whole life: one actor. It resolves when the supervisor says stop, and rejects when
 * a filter cannot be loaded or the mailbox is damaged; whatever kills the thread rejects it too.
 */
export default async function runWorker(task: WorkerTask): Promise<void> {
  const { worker, seats, config, port } = task
  // Before any filter runs: one that never returns could not be ended without it.
  port.postMessage({ type: 'running', threadId } satisfies WorkerMessage)
  useClockAnchor(task.clockAnchorMs)
  const logger = createLogger({ level: config.log.level, format: config.log.format }).child({ worker })
  const counters = new SharedCounters(GATEWAY_COUNTERS, counterRows(seats), task.counters).row(worker + 1)
  const board = new WorkerBoard(seats, task.board)
  const rows = config.routes.length + 1
  const recorder =
    config.telemetry === false
      ? null
      : new HistogramStore(histogramWriters(seats), rows, task.histograms).recorder(worker)
  const accessLog = task.accessLog === undefined ? null : new AccessLog(task.accessLog)
  const { otlp } = config
  const spans =
    otlp === undefined || otlp.tracesUrl === null
      ? null
      : await startSpanExport(otlp, otlp.tracesUrl, (problem, lost) =>
          logger.warn({ problem, lost }, 'spans could not be exported'),
        )
  const plan = { workers: seats, routes: config.routes.length, upstreams: config.upstreams.length }
  const telemetry = new Telemetry(plan, task.telemetry)
  const attempts = config.upstreams.map((_, upstream) => telemetry.upstreams.of(worker, upstream))
  const errors = telemetry.errors.row(worker + 1)
  watchThread((load) => telemetry.threads.write(worker + 1, load))
  // A promise that a filter forgot about must not take the other sessions' worker down (C1).
  process.on('unhandledRejection', (error) => logger.error({ err: error }, 'unhandled rejection in a filter'))

  const names = keepNames(config.dns, logger)
  const table = new PeerTable(tablePlan(config, seats), task.peers)
  const wheel = new DeadlineWheel()
  const cache = openWorkerCache(task)
  const env = {
    wheel,
    count: (event: MirrorEvent) => counters.add(event),
    ads: {
      logger,
      stores: task.stores,
      ...(task.ads === undefined ? {} : { shared: { memory: task.ads, worker, workers: seats } }),
      count: (counter: GatewayCounter, amount?: number) => counters.add(counter, amount),
    },
    ...(cache === null ? {} : { cache }),
    rateLimits: task.rateLimits,
    log: logger,
  }
  const { routes, upstreams, adRoutes } = await loadRoutes(config, env, (upstream) => ({
    names,
    shared: { table, upstream, worker },
    ...countsOf(attempts[upstream]),
    onBreakerChange: (change) => logBreakerChange(logger, config.upstreams[upstream]?.name ?? '', change),
    onHealthChange: ({ peer, from, to, reason }) =>
      logHealthEvent(logger, {
        upstream: config.upstreams[upstream]?.name ?? '',
        peer: targetName(peer.target),
        from,
        to,
        reason,
      }),
  }))
  const scheme = config.tls === undefined ? 'http' : 'https'
  const follower = new PeerFollower(upstreams.values(), names)
  const lifecycle = {
    wheel,
    filterMs: config.limits.filterMs,
    bufferedBodyBytes: config.limits.bufferedBodyBytes,
    webSocket: {
      maxMessageBytes: config.limits.webSocketMessageBytes,
      compressedBytes: config.limits.webSocketCompressedBytes,
    },
    logger,
  }
  // No client has begun those: they are neither its latency nor a line of its own.
  const background = new BackgroundRuns({
    ...lifecycle,
    onOutcome({ error }) {
      if (error !== null) counters.add(`error:${error.reason}`)
    },
  })
  return new Promise<void>((resolve, reject) => {
    const actor = new Actor(new RingWriter(task.toAcceptor), new RingReader(task.toWorker), {
      routes,
      env: {
        ...lifecycle,
        ...(config.tracing === undefined ? {} : { tracer: new Tracer(config.tracing) }),
        ...(config.answers?.serverTiming === true ? { serverTiming: true } : {}),
        ...(config.answers?.proxyStatus === false ? { proxyStatus: false } : {}),
        revalidate: (job) => background.start(job),
        onOutcome(outcome) {
          if (outcome.error !== null) counters.add(`error:${outcome.error.reason}`)
          if (isUnauthenticated(outcome.error)) counters.add('rejected:auth')
          if (outcome.session.retryCount > 0) counters.add('retries', outcome.session.retryCount)
          if (recorder !== null) recordSession(recorder, outcome)
          recordError(errors, outcome)
          if (accessLog !== null) logSession(accessLog, outcome)
          if (spans !== null) for (const span of sessionSpans(outcome, scheme)) spans.add(span)
          if (logger.isLevelEnabled('debug')) {
            const { session } = outcome
            logger.debug({ reqId: session.requestId() }, describeSession(session))
          }
        },
      },
      forwarding: new ForwardingFields(config.forwarding, task.instanceId, scheme),
      ring: () => port.postMessage(BELL),
      onCorrupt: reject,
    })
    let opened = 0
    let reused = 0
    let lookups = 0
    let dnsFailures = 0
    let beats = 0
    const beat = setInterval(() => {
      board.beat(worker)
      if (beats % BEATS_PER_WEIGHING === 0) board.setMemoryBytes(worker, ownMemoryBytes())
      beats += 1
      actor.mailbox.wake()
      follower.look()
      let nowOpened = 0
      let nowReused = 0
      let at = 0
      for (const { connector } of upstreams.values()) {
        const { stats } = connector
        nowOpened += stats.opened
        nowReused += stats.reuses
        attempts[at]?.setConnections(stats.active, stats.idle)
        at += 1
      }
      counters.add('upstream_connections_opened', nowOpened - opened)
      counters.add('upstream_connections_reused', nowReused - reused)
      counters.add('dns_lookups', names.stats.lookups - lookups)
      counters.add('dns_failures', names.stats.failures - dnsFailures)
      lookups = names.stats.lookups
      dnsFailures = names.stats.failures
      opened = nowOpened
      reused = nowReused
    }, BEAT_MS)
    port.on('message', (message: typeof BELL | WorkerMessage) => {
      if (message === BELL) {
        actor.mailbox.wake()
        return
      }
      onAdminMessage(message, logger, port)
      if (message.type !== 'stop') return
      clearInterval(beat)
      for (const counts of attempts) counts.setConnections(0, 0)
      names.close()
      actor.close()
      background.close()
      for (const { connector } of upstreams.values()) connector.close()
      port.close()
      // The lines of the last sessions, before the thread is gone.
      const closing = [...adRoutes.map((adRoute) => adRoute.close()), spans?.close()]
      void Promise.allSettled(closing)
        .then(() => Promise.all([flushLogger(logger), restBeforeEnd()]))
        .then(() => resolve())
    })
    board.beat(worker)
    port.postMessage({ type: 'ready', hits: hitRoutes(config, routes) } satisfies WorkerMessage)
    actor.mailbox.wake()
  })
}

/** A filter has asked for credentials, or for others (RFC 9110 §15.5.2, §15.5.8). */
function isUnauthenticated(error: GatewayError | null): boolean {
  return error !== null && error.code === 'HG_FILTERED' && (error.status === 401 || error.status === 407)
}

function countsOf(counts: AttemptCounts | undefined): { counts?: AttemptCounts } {
  return counts === undefined ? {} : { counts }
}

function openWorkerCache({ cache, config, seats, worker }: WorkerTask): CacheServices | null {
  if (cache === undefined) return null
  const rows = counterRows(seats)
  const row = new CacheCounters(config.routes.length, rows, cache.counters).row(worker + 1)
  return { ...openCache(cache, workerThread(worker)), count: (route, event) => row.add(route, event) }
}

/** The heap of this thread and the buffers that hang on it, bytes. */
function ownMemoryBytes(): number {
  const { total_heap_size: heap, external_memory: buffers, malloced_memory: malloced } = getHeapStatistics()
  return heap + buffers + malloced
}
