import { randomBytes } from 'node:crypto'
import { createAcceptor, type StartedAcceptor } from '../acceptor/index.js'
import { assertPlainData } from '../config/plain-data.js'
import type { GatewayConfig } from '../config/types.js'
import { packageVersion } from '../config/version.js'
import { type Control, startControl } from '../control/index.js'
import { Dispatcher, Router } from '../dispatch/index.js'
import { type HeaderEdits, headersOptions } from '../filters/index.js'
import { HistogramStore } from '../histograms/index.js'
import { SharedCounters, WorkerBoard } from '../memory/index.js'
import { counterRows, GATEWAY_COUNTERS } from '../session/counters.js'
import { clockAnchor } from '../time/index.js'
import { configuredPeers, PeerTable, publishesNames, tablePlan } from '../upstream/index.js'
import type { GatewayOptions, ObservableGateway } from './types.js'
import { WorkerPool } from './worker-pool.js'

/**
 * Starts a gateway: shared memory, workers, then the acceptor, so that no request arrives before somebody can serve it.
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
  const board = new WorkerBoard(config.workers.count)
  const counters = new SharedCounters(GATEWAY_COUNTERS, counterRows(config.workers.count))
  const histograms = new HistogramStore(config.workers.count, config.routes.length).buffer
  const peers = new PeerTable(tablePlan(config))
  const publishConfigured = (): void => {
    for (const [index, upstream] of config.upstreams.entries())
      peers.publish(index, configuredPeers(upstream.peers))
  }
  publishConfigured()
  const row = counters.row(0)
  const instanceId = randomBytes(4).toString('hex')
  let whenIdle: (() => void) | null = null
  const dispatcher = new Dispatcher({
    routes: config.routes,
    responseEdits: config.routes.map(responseEdits),
    router: new Router(config.routes),
    intake: { paths: config.paths, forwarding: config.forwarding, instanceId },
    board,
    counters: row,
    sessionsPerWorker: config.limits.sessionsPerWorker,
    onAnsweredHere({ head }, error) {
      if (!config.log.access) return
      const fields = {
        reqId: head.requestId,
        client: head.remoteAddress,
        method: head.method,
        host: head.host,
      }
      logger.info({ ...fields, status: error.status, reason: error.reason, code: error.code }, 'session')
    },
    onServedHere({ head }, route, status) {
      if (!config.log.access) return
      const { requestId, remoteAddress, method, host } = head
      const name = config.routes[route]?.name
      logger.info({ reqId: requestId, client: remoteAddress, method, host, route: name, status }, 'session')
    },
    onRefused(refusal, requestId, client) {
      const { status, reason, kind, message } = refusal
      logger.info({ reqId: requestId, client, status, reason, kind }, `refused: ${message}`)
    },
    onIdle: () => whenIdle?.(),
  })
  const pool = new WorkerPool({
    config,
    dispatcher,
    board,
    countersBuffer: counters.buffer,
    histograms,
    peers,
    counters: row,
    logger,
    instanceId,
  })
  const draining = new SharedArrayBuffer(4)
  let control: Control | null = null
  let acceptor: StartedAcceptor
  try {
    await pool.start()
    if (config.admin !== null || config.upstreams.some(needsControl)) {
      const routes = config.routes.map((route) => route.name)
      const shared = {
        workers: board.workers,
        board: board.buffer,
        counters: counters.buffer,
        histograms,
        routes,
        draining,
        peers: {
          table: peers.buffer,
          upstreams: config.upstreams,
          clockAnchorMs: clockAnchor(),
          dns: config.dns,
        },
      }
      const listen = config.admin ?? { host: '', port: null }
      const task = { ...listen, ...shared, version: packageVersion() }
      // Without it nobody publishes addresses any more: the workers ask for the names themselves.
      control = await startControl(task, logger, publishConfigured)
    }
    acceptor = await createAcceptor(config.acceptor, acceptorOptions(config), dispatcher)
  } catch (error) {
    await control?.close()
    await pool.stop()
    throw error
  }

  let closing: Promise<void> | null = null
  let lost = 0
  const close = (): Promise<void> => {
    closing ??= (async () => {
      lost = dispatcher.inFlight
      acceptor.stopListening()
      await acceptor.close()
      await pool.stop()
      await control?.close()
    })()
    return closing
  }
  let drained: Promise<{ lost: number }> | null = null
  return {
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
    workersBusy: () => pool.loopsBusy(),
    stats: () => ({ inFlight: dispatcher.inFlight, counters: counters.totals() }),
  }
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
