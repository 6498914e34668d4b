import { type Acceptor, createAcceptor } from '../acceptor/index.js'
import type { GatewayConfig } from '../config/types.js'
import { Dispatcher, Router } from '../dispatch/index.js'
import { type HeaderEdits, headersOptions } from '../filters/index.js'
import { SharedCounters, WorkerBoard } from '../memory/index.js'
import { GATEWAY_COUNTERS } from '../session/counters.js'
import type { Gateway, GatewayOptions } from './types.js'
import { WorkerPool } from './worker-pool.js'

/**
 * Starts a gateway: shared memory, workers, then the acceptor, so that no request arrives before somebody can serve it.
 * @throws Error of a filter that cannot be loaded, or with the system's `code` when it cannot listen
 */
export async function startGateway(config: GatewayConfig, options: GatewayOptions): Promise<Gateway> {
  const { logger } = options
  const board = new WorkerBoard(config.workers.count)
  const counters = new SharedCounters(GATEWAY_COUNTERS, config.workers.count + 1)
  const row = counters.row(0)
  let whenIdle: (() => void) | null = null
  const dispatcher = new Dispatcher({
    routes: config.routes,
    responseEdits: config.routes.map(responseEdits),
    router: new Router(config.routes),
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
    counters: row,
    logger,
  })
  let acceptor: Acceptor
  try {
    await pool.start()
    acceptor = await createAcceptor(config.acceptor, acceptorOptions(config), dispatcher)
  } catch (error) {
    await pool.stop()
    throw error
  }

  let closing: Promise<void> | null = null
  const close = (): Promise<void> => {
    closing ??= (async () => {
      acceptor.stopListening()
      await acceptor.close()
      await pool.stop()
    })()
    return closing
  }
  let draining: Promise<{ lost: number }> | null = null
  return {
    listen: { host: acceptor.host, port: acceptor.port },
    acceptorKind: acceptor.kind,
    workers: config.workers.count,
    drain() {
      draining ??= (async () => {
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
        const lost = dispatcher.inFlight
        await close()
        return { lost }
      })()
      return draining
    },
    close,
  }
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
