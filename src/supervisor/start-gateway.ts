import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { type Acceptor, canSharePort, createAcceptor } from '../acceptor/index.js'
import { assertPlainData } from '../config/plain-data.js'
import type { GatewayConfig } from '../config/types.js'
import { packageVersion } from '../config/version.js'
import { type Control, type ControlTask, startControl } from '../control/index.js'
import { Dispatcher } from '../dispatch/index.js'
import { GcraTable, LifecycleBoard, SharedCounters, WorkerBoard } from '../memory/index.js'
import { counterRows, GATEWAY_COUNTERS } from '../session/counters.js'
import { clockAnchor } from '../time/index.js'
import { publishesNames } from '../upstream/index.js'
import { acceptorOptions } from './acceptor-options.js'
import { claimPort, type PortClaim } from './claim-port.js'
import { type Common, createGeneration, publishConfigured, routingOf } from './generation.js'
import { ownLog } from './own-log.js'
import { Pressure } from './pressure.js'
import { startRedirects } from './redirect-listener.js'
import { Reloader } from './reloader.js'
import { type GatewayParts, RunningGateway } from './running-gateway.js'
import { Seats } from './seats.js'
import type { GatewayOptions, ObservableGateway } from './types.js'

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
  if (options.upgrade === true && config.acceptor === 'node' && !canSharePort())
    throw new Error(
      'the acceptor `node` can share a port from Node 22.12 on, and in Linux only: no upgrade without a gap',
    )
  const seats = new Seats(config.workers.count)
  const board = new WorkerBoard(seats.count)
  for (let seat = 0; seat < seats.count; seat += 1) board.setState(seat, 'unused')
  const counters = new SharedCounters(GATEWAY_COUNTERS, counterRows(seats.count))
  const row = counters.row(0)
  const instanceId = randomBytes(4).toString('hex')
  const idle: GatewayParts['idle'] = { tell: () => undefined }
  const dispatcher: Dispatcher = new Dispatcher({
    ...routingOf(config, instanceId),
    board,
    counters: row,
    ...ownLog(logger, () => reloader.current.config),
    onIdle: () => idle.tell(),
  })
  const rateLimits = new GcraTable().buffer
  const common: Common = { rateLimits, board, counters, row, seats, dispatcher, logger, instanceId }
  const first = createGeneration(common, config, seats.take(config.workers.count) ?? [], null)
  const lifecycle = new LifecycleBoard()
  const draining = new SharedArrayBuffer(4)
  let control: Control | null = null
  const reloader = new Reloader(
    {
      common,
      lifecycle,
      onTaken: () => control?.use(controlTask()),
      async beforeTaking({ tls }, former) {
        if (tls !== undefined && !isDeepStrictEqual(tls.certificates, former.tls?.certificates))
          await acceptor.useTls(tls)
      },
    },
    first,
  )
  const controlTask = (): ControlTask => {
    const { config: now, histograms, peers } = reloader.current
    return {
      ...(now.admin ?? { host: '', port: null }),
      workers: seats.count,
      board: board.buffer,
      counters: counters.buffer,
      histograms: histograms.buffer,
      routes: now.routes.map((route) => route.name),
      draining,
      lifecycle: lifecycle.buffer,
      version: packageVersion(),
      peers: { table: peers.buffer, upstreams: now.upstreams, clockAnchorMs: clockAnchor(), dns: now.dns },
    }
  }
  let acceptor: Acceptor
  let opened: Acceptor | null = null
  let redirects: Acceptor | null = null
  let claim: PortClaim | null = null
  try {
    await first.pool.start()
    first.pool.takeOver()
    claim = await claimPort(config.listen, options.upgrade === true)
    if (config.admin !== null || config.upstreams.some(needsControl)) {
      // Without it nobody publishes addresses any more: the workers ask for the names themselves.
      const onLost = (): void => publishConfigured(reloader.current)
      control = await startControl(controlTask(), logger, onLost, options.onCommand)
    }
    acceptor = await createAcceptor(
      config.acceptor,
      { ...acceptorOptions(config), port: claim.port, sharesPort: true },
      dispatcher,
    )
    opened = acceptor
    const redirect = config.tls?.redirect ?? null
    if (redirect !== null) {
      const shared = { ...acceptorOptions(config), sharesPort: true }
      redirects = await startRedirects(redirect, shared, acceptor.port, acceptor.kind)
    }
  } catch (error) {
    await opened?.close()
    claim?.release()
    await control?.close()
    await reloader.stop()
    throw error
  }
  const pressure = new Pressure({
    config: () => reloader.current.config,
    lifecycle,
    logger,
    onChange: (level) => dispatcher.shedBelow(level),
    onMemory: () =>
      void reloader.current.pool.recycleLargest().catch((error: unknown) => {
        logger.error({ err: error }, 'no worker can be replaced to set memory free')
      }),
  })
  const gateway = new RunningGateway({ acceptor, redirects, control, reloader, common, draining, idle })
  try {
    await claim.taken(acceptor.port, {
      onTakeover: () => control?.unlisten() ?? Promise.resolve(),
      onTakeoverFailed: () => control?.listenAgain(),
      onReplaced: () => {
        const replaced = gateway.drain({ untilUnused: true })
        options.onReplaced?.(replaced)
      },
    })
  } catch (error) {
    await gateway.close()
    throw error
  }
  gateway.onClosed(() => {
    pressure.stop()
    claim.release()
  })
  return gateway
}

/** What is done for it once for all workers? */
function needsControl(upstream: GatewayConfig['upstreams'][number]): boolean {
  return upstream.health !== undefined || publishesNames(upstream)
}
