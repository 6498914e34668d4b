import { getHeapStatistics } from 'node:v8'
import { threadId } from 'node:worker_threads'
import { ForwardingFields } from '../forwarding/index.js'
import { HistogramStore, type Recorder } from '../histograms/index.js'
import type { MirrorEvent, SessionOutcome } from '../lifecycle/index.js'
import { createLogger, flushLogger } from '../logging/index.js'
import { RingReader, RingWriter } from '../mailbox/index.js'
import { SharedCounters, WorkerBoard } from '../memory/index.js'
import { counterRows, GATEWAY_COUNTERS } from '../session/counters.js'
import { totalTimeMs, upstreamLatencyMs } from '../session/timing.js'
import { DeadlineWheel, useClockAnchor } from '../time/index.js'
import {
  keepNames,
  logBreakerChange,
  logHealthEvent,
  PeerFollower,
  PeerTable,
  tablePlan,
  targetName,
} from '../upstream/index.js'
import { logSession } from './access-log.js'
import { Actor } from './actor.js'
import { loadRoutes } from './routes.js'
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
  const recorder = new HistogramStore(seats, config.routes.length, task.histograms).recorder(worker)
  // A promise that a filter forgot about must not take the other sessions' worker down (C1).
  process.on('unhandledRejection', (error) => logger.error({ err: error }, 'unhandled rejection in a filter'))

  const names = keepNames(config.dns, logger)
  const table = new PeerTable(tablePlan(config, seats), task.peers)
  const wheel = new DeadlineWheel()
  const env = { wheel, count: (event: MirrorEvent) => counters.add(event), rateLimits: task.rateLimits }
  const { routes, upstreams } = await loadRoutes(config, env, (upstream) => ({
    names,
    shared: { table, upstream, worker },
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
  const follower = new PeerFollower(upstreams.values(), names)
  return new Promise<void>((resolve, reject) => {
    const actor = new Actor(new RingWriter(task.toAcceptor), new RingReader(task.toWorker), {
      routes,
      env: {
        wheel,
        filterMs: config.limits.filterMs,
        bufferedBodyBytes: config.limits.bufferedBodyBytes,
        logger,
        onOutcome(outcome) {
          if (outcome.error !== null) counters.add(`error:${outcome.error.reason}`)
          if (outcome.session.retryCount > 0) counters.add('retries', outcome.session.retryCount)
          recordTimes(recorder, outcome)
          if (config.log.access) logSession(logger, outcome)
        },
      },
      forwarding: new ForwardingFields(
        config.forwarding,
        task.instanceId,
        config.tls === undefined ? 'http' : 'https',
      ),
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
      for (const { connector } of upstreams.values()) {
        nowOpened += connector.stats.opened
        nowReused += connector.stats.reuses
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
      if (message.type !== 'stop') return
      clearInterval(beat)
      names.close()
      actor.close()
      for (const { connector } of upstreams.values()) connector.close()
      port.close()
      // The lines of the last sessions, before the thread is gone.
      void flushLogger(logger).then(resolve)
    })
    board.beat(worker)
    port.postMessage({ type: 'ready' } satisfies WorkerMessage)
    actor.mailbox.wake()
  })
}

/** The heap of this thread and the buffers that hang on it, bytes. */
function ownMemoryBytes(): number {
  const { total_heap_size: heap, external_memory: buffers, malloced_memory: malloced } = getHeapStatistics()
  return heap + buffers + malloced
}

/**
 * every finished session stands in `queue` and, if it was answered, in `total`; in `upstream` if it was there. How long an
 * upgraded connection was open is no latency, and would hide those of the route.
 */
function recordTimes(recorder: Recorder, { session, route, queueMs, status }: SessionOutcome): void {
  recorder.record(route, 'queue', queueMs)
  if (status === 101) return
  const upstreamMs = upstreamLatencyMs(session.timing)
  if (upstreamMs !== null) recorder.record(route, 'upstream', upstreamMs)
  const totalMs = totalTimeMs(session.timing)
  if (totalMs !== null) recorder.record(route, 'total', totalMs)
}
