import { randomBytes } from 'node:crypto'
import { isatty } from 'node:tty'
import { createAcceptor, type StartedAcceptor } from '../acceptor/index.js'
import { type RunningAccessLog, startAccessLog } from '../access-log/index.js'
import { ACCEPTOR_THREAD, createCacheMemory, openCache, workerThread } from '../cache/cache-memory.js'
import { assertPlainData } from '../config/plain-data.js'
import type { GatewayConfig } from '../config/types.js'
import { packageVersion } from '../config/version.js'
import { type Control, redactedConfig, startControl } from '../control/index.js'
import { Dispatcher, Router } from '../dispatch/index.js'
import { type HeaderEdits, headersOptions } from '../filters/index.js'
import { HistogramStore, histogramWriters, rowNames } from '../histograms/index.js'
import { type Logger, useColor } from '../logging/index.js'
import { type CounterRow, SharedCounters, WorkerBoard } from '../memory/index.js'
import { checkOtlpPackages } from '../otlp/index.js'
import { counterRows, GATEWAY_COUNTERS, type GatewayCounter } from '../session/counters.js'
import { Telemetry, watchThread } from '../telemetry/index.js'
import { clockAnchor } from '../time/index.js'
import { configuredPeers, PeerTable, publishesNames, tablePlan } from '../upstream/index.js'
import { commandHandler } from './admin-commands.js'
import { hitServices } from './hit-services.js'
import { Journal } from './journal.js'
import { startState } from './start-state.js'
import type { GatewayOptions, ObservableGateway } from './types.js'
import { WorkerPool } from './worker-pool.js'

/**
 * Starts a gateway: shared memory, workers, then the acceptor, so that no request arrives before somebody can serve it.
 * @throws OtlpMissing if there is something to export, and the packages for it are missing
 * @throws NotPlainData if the options of a filter hold a function or the like
 * @throws Error of a filter that cannot be loaded, or with the system's `code` when it cannot listen
 */
export async function startGateway(
  config: GatewayConfig,
  options: GatewayOptions,
): Promise<ObservableGateway> {
  const { logger } = options
  // It is about to be handed to the workers.
  assertPlainData(config, 'config')
  if (config.otlp !== undefined) checkOtlpPackages()
  const board = new WorkerBoard(config.workers.count)
  const counters = new SharedCounters(GATEWAY_COUNTERS, counterRows(config.workers.count))
  const rows = rowNames(config.routes)
  const histograms = new HistogramStore(histogramWriters(config.workers.count), rows.length)
  const peers = new PeerTable(tablePlan(config))
  const publishConfigured = (): void => {
    for (const [index, upstream] of config.upstreams.entries())
      peers.publish(index, configuredPeers(upstream.peers))
  }
  publishConfigured()
  const row = counters.row(0)
  const telemetry = new Telemetry({ workers: config.workers.count, routes: config.routes.length })
  const memory =
    config.cache === undefined
      ? null
      : createCacheMemory(
          config.cache,
          config.workers.count,
          config.routes.length,
          counterRows(config.workers.count),
        )
  const cache = memory === null ? null : openCache(memory, ACCEPTOR_THREAD)
  const instanceId = randomBytes(4).toString('hex')
  const accessLog = await openAccessLog(config, logger, row)
  const journal = new Journal({
    rows,
    recorder: histograms.recorder(config.workers.count),
    errors: telemetry.errors.row(0),
    accessLog: accessLog?.ends[config.workers.count],
  })
  let whenIdle: (() => void) | null = null
  const dispatcher = new Dispatcher({
    routes: config.routes,
    responseEdits: config.routes.map(responseEdits),
    router: new Router(config.routes),
    intake: { paths: config.paths, forwarding: config.forwarding, instanceId },
    board,
    counters: row,
    answers: telemetry.answers,
    sessionsPerWorker: config.limits.sessionsPerWorker,
    ...(cache === null || memory === null ? {} : { hits: hitServices(cache, memory, config) }),
    onEndedHere: (end) => journal.onEnded(end),
    onRefused: (refusal, requestId, client) => journal.onRefused(refusal, requestId, client),
    onIdle: () => whenIdle?.(),
  })
  const state = await startState(config, logger)
  const pool = new WorkerPool({
    config,
    dispatcher,
    board,
    countersBuffer: counters.buffer,
    histograms: histograms.buffer,
    telemetry: telemetry.buffers,
    peers,
    counters: row,
    logger,
    instanceId,
    ...(accessLog === null ? {} : { accessLogs: accessLog.ends }),
    storePorts: () => state?.ports() ?? [],
    ...(memory === null ? {} : { cache: memory }),
    async forget(worker) {
      await cache?.store.forget(workerThread(worker))
      await cache?.locks.forget(workerThread(worker))
    },
  })
  const draining = new SharedArrayBuffer(4)
  const onDrain = options.onDrainAsked ?? ((): void => void gateway.drain())
  let control: Control | null = null
  let acceptor: StartedAcceptor
  try {
    await pool.start()
    if (config.admin !== null || config.otlp?.metricsUrl || config.upstreams.some(needsControl)) {
      const shared = {
        workers: board.workers,
        board: board.buffer,
        counters: counters.buffer,
        histograms: histograms.buffer,
        telemetry: telemetry.buffers,
        access: { hosts: config.admin?.hosts ?? [], token: config.admin?.token ?? null },
        config: redactedConfig(config),
        logLevel: config.log.level,
        routes: rows,
        draining,
        ...(config.otlp === undefined ? {} : { otlp: config.otlp }),
        ...(memory === null
          ? {}
          : { cache: { memory, routes: config.routes.map((route) => route.cache ?? null) } }),
        peers: {
          table: peers.buffer,
          upstreams: config.upstreams,
          clockAnchorMs: clockAnchor(),
          dns: config.dns,
        },
      }
      const { host, port } = config.admin ?? { host: '', port: null }
      const task = { host, port, ...shared, version: packageVersion() }
      const onCommand = commandHandler({ pool, logger, patienceMs: config.drain.timeoutMs, drain: onDrain })
      // Without it nobody publishes addresses any more: the workers ask for the names themselves.
      control = await startControl(task, logger, publishConfigured, onCommand)
    }
    acceptor = await createAcceptor(config.acceptor, acceptorOptions(config), dispatcher)
  } catch (error) {
    await control?.close()
    await pool.stop()
    await accessLog?.close()
    await state?.close()
    throw error
  }

  const stopWatching = watchThread((load) => {
    telemetry.threads.write(0, load)
    telemetry.threads.connections = acceptor.connections
  })
  let closing: Promise<void> | null = null
  let lost = 0
  const close = (): Promise<void> => {
    closing ??= (async () => {
      lost = dispatcher.inFlight
      stopWatching()
      acceptor.stopListening()
      await acceptor.close()
      await pool.stop()
      await control?.close()
      await accessLog?.close()
      await state?.close()
    })()
    return closing
  }
  let drained: Promise<{ lost: number }> | null = null
  const gateway: ObservableGateway = {
    listen: { host: acceptor.host, port: acceptor.port },
    admin: control === null || config.admin === null ? null : { host: control.host, port: control.port },
    acceptorKind: acceptor.kind,
    acceptorReason: acceptor.fallbackReason,
    workers: config.workers.count,
    get inFlight() {
      return dispatcher.inFlight
    },
    drain() {
      drained ??= (async () => {
        Atomics.store(new Int32Array(draining), 0, 1)
        if (config.drain.delayMs > 0)
          await new Promise((resolve) => setTimeout(resolve, config.drain.delayMs))
        acceptor.stopListening()
        if (dispatcher.inFlight > 0) {
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, config.drain.timeoutMs)
            whenIdle = () => {
              clearTimeout(timer)
              // The last answers still have to leave the process.
              setImmediate(resolve)
            }
          })
        }
        await close()
        return { lost }
      })()
      return drained
    },
    close,
    reopenLogs: () => accessLog?.reopen(),
    workersBusy: () => pool.loopsBusy(),
    stats: () => ({ inFlight: dispatcher.inFlight, counters: counters.totals() }),
  }
  return gateway
}

/** The access log, if there is to be one: its thread has a ring for each worker, and behind them the acceptor's. */
async function openAccessLog(
  config: GatewayConfig,
  logger: Logger,
  counters: CounterRow<GatewayCounter>,
): Promise<RunningAccessLog | null> {
  const { accessLog, log, workers } = config
  if (accessLog === undefined) return null
  const isPretty =
    accessLog.file === null && (log.format === 'pretty' || (log.format === 'auto' && isatty(1)))
  const pretty = isPretty ? { color: useColor(process.env, isatty(1)) } : null
  return await startAccessLog(accessLog, workers.count + 1, pretty, (problem, dropped) => {
    counters.add('access_log_dropped', dropped)
    if (problem === '' && dropped === 0) logger.info('the access log is written again')
    else
      logger.warn({ dropped, ...(problem === '' ? {} : { problem }) }, 'lines of the access log were dropped')
  })
}

/** What is done for it once for all workers? */
function needsControl(upstream: GatewayConfig['upstreams'][number]): boolean {
  return upstream.health !== undefined || publishesNames(upstream)
}

function acceptorOptions(config: GatewayConfig): Parameters<typeof createAcceptor>[1] {
  const { limits, client } = config
  return {
    host: config.listen.host,
    port: config.listen.port,
    limits: {
      headerBytes: limits.headerBytes,
      headerCount: limits.headerCount,
      targetBytes: limits.targetBytes,
      bodyBytes: limits.bodyBytes,
      connections: limits.connections,
    },
    timeouts: { idleMs: client.idleMs, bodyMs: client.bodyMs, writeMs: client.writeMs },
    chunked: client.chunked,
    upgrades: [...new Set(config.routes.flatMap((route) => route.upgrades))],
    webSocketMessageBytes: limits.webSocketMessageBytes,
  }
}

/** What the built-in filter `headers` does to answers on a route, as data. */
function responseEdits(route: GatewayConfig['routes'][number]): HeaderEdits[] {
  return route.filters.flatMap((ref) => {
    if (ref.kind !== 'builtin' || ref.name !== 'headers') return []
    const parsed = headersOptions.safeParse(ref.options ?? {})
    return parsed.success && parsed.data.response !== undefined ? [parsed.data.response] : []
  })
}
