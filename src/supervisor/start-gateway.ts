import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { type Acceptor, canSharePort, createAcceptor, type StartedAcceptor } from '../acceptor/index.js'
import { assertPlainData } from '../config/plain-data.js'
import type { GatewayConfig } from '../config/types.js'
import { packageVersion } from '../config/version.js'
import { type CommandResult, type ControlTask, redactedConfig, startControl } from '../control/index.js'
import { Dispatcher, LinkMemory } from '../dispatch/index.js'
import { rowNames } from '../histograms/index.js'
import { GcraTable, LifecycleBoard, SharedCounters, WorkerBoard } from '../memory/index.js'
import { checkOtlpPackages } from '../otlp/index.js'
import { counterRows, GATEWAY_COUNTERS } from '../session/counters.js'
import { Telemetry, watchThread } from '../telemetry/index.js'
import { clockAnchor } from '../time/index.js'
import { publishesNames } from '../upstream/index.js'
import { acceptorOptions } from './acceptor-options.js'
import { AccessLogs } from './access-logs.js'
import { commandHandler } from './admin-commands.js'
import { claimPort, type PortClaim } from './claim-port.js'
import { ControlSeat } from './control-seat.js'
import { type Common, createGeneration, type Generation, publishConfigured, routingOf } from './generation.js'
import { Pressure } from './pressure.js'
import { startRedirects } from './redirect-listener.js'
import { Reloader } from './reloader.js'
import { type GatewayParts, RunningGateway } from './running-gateway.js'
import { Seats } from './seats.js'
import { SharedCache } from './shared-cache.js'
import { StateStores } from './state-stores.js'
import type { GatewayOptions, ObservableGateway } from './types.js'

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
  const { threads } = new Telemetry({ workers: seats.count, routes: 0 })
  const cache = new SharedCache(seats.count, logger)
  const accessLogs = new AccessLogs(seats.count + 1, logger, row)
  const lifecycle = new LifecycleBoard()
  const states = new StateStores(logger, row, lifecycle)
  const idle: GatewayParts['idle'] = { tell: () => undefined }
  const dispatcher: Dispatcher = new Dispatcher({
    ...routingOf(config, instanceId),
    board,
    counters: row,
    onRefused: (refusal, requestId, client) => reloader.current.journal.onRefused(refusal, requestId, client),
    onIdle: () => idle.tell(),
  })
  const rateLimits = new GcraTable().buffer
  const common: Common = {
    rateLimits,
    linkMemory: new LinkMemory(),
    board,
    counters,
    row,
    seats,
    threads: threads.buffer,
    cache,
    accessLogs,
    states,
    dispatcher,
    logger,
    instanceId,
    deliverSpans: (spans) => control.current?.addSpans(spans) ?? 0,
    onHopeless: options.onHopeless,
  }
  const closeShared = async (): Promise<void> => {
    await accessLogs.close()
    await states.close()
  }
  let first: Generation
  try {
    await states.open(config)
    const accessLog = await accessLogs.open(config)
    first = createGeneration(common, config, seats.take(config.workers.count) ?? [], null, accessLog)
  } catch (error) {
    await closeShared()
    throw error
  }
  dispatcher.use(first.routing)
  const draining = new SharedArrayBuffer(4)
  const onDrain = options.onDrainAsked ?? ((): void => void gateway.drain())
  const reloader = new Reloader(
    {
      common,
      lifecycle,
      onTaken: ({ config: taken }) => {
        control.refresh(needsControl(taken))
        cache.warm(taken)
      },
      async beforeTaking({ tls }, former) {
        if (tls !== undefined && !isDeepStrictEqual(tls.certificates, former.tls?.certificates))
          await acceptor.useTls(tls)
      },
    },
    first,
  )
  const controlTask = (): ControlTask => {
    const { config: now, histograms, telemetry, cache: memory, ads, peers } = reloader.current
    const { host, port } = now.admin ?? { host: '', port: null }
    return {
      host,
      port,
      workers: seats.count,
      board: board.buffer,
      counters: counters.buffer,
      histograms: histograms.buffer,
      telemetry: telemetry.buffers,
      access: { hosts: now.admin?.hosts ?? [], token: now.admin?.token ?? null },
      config: redactedConfig(now),
      logLevel: now.log.level,
      routes: rowNames(now.routes),
      draining,
      lifecycle: lifecycle.buffer,
      version: packageVersion(),
      ...(ads === null ? {} : { ads: { plan: ads.plan, gauges: ads.gauges } }),
      ...(now.otlp === undefined ? {} : { otlp: now.otlp }),
      scheme: now.tls === undefined ? 'http' : 'https',
      ...(memory === null
        ? {}
        : { cache: { memory, routes: now.routes.map((route) => route.cache ?? null) } }),
      peers: { table: peers.buffer, upstreams: now.upstreams, clockAnchorMs: clockAnchor(), dns: now.dns },
    }
  }
  // Without it nobody publishes addresses any more: the workers ask for the names themselves.
  const onLost = (): void => publishConfigured(reloader.current)
  const onCommand = commandHandler({
    get pool() {
      return reloader.current.pool
    },
    logger,
    reload: options.onReloadAsked ?? noReload,
    drain: onDrain,
  })
  const control = new ControlSeat(
    (task) => startControl(task, logger, onLost, onCommand),
    controlTask,
    logger,
  )
  let acceptor: StartedAcceptor
  let opened: Acceptor | null = null
  let redirects: Acceptor | null = null
  let claim: PortClaim | null = null
  try {
    await first.pool.start()
    first.pool.takeOver()
    claim = await claimPort(config.listen, options.upgrade === true)
    if (needsControl(config)) await control.open()
    acceptor = await claim.listen((port) =>
      createAcceptor(config.acceptor, { ...acceptorOptions(config), port, sharesPort: true }, dispatcher),
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
    await control.close()
    await reloader.stop()
    await closeShared()
    throw error
  }
  const stopWatching = watchThread((load) => {
    const { telemetry } = reloader.current
    telemetry.threads.write(0, load)
    telemetry.threads.connections = acceptor.connections
  })
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
      onTakeover: () => control.current?.unlisten() ?? Promise.resolve(),
      onTakeoverFailed: () => control.current?.listenAgain(),
      onReplaced: () => {
        const replaced = gateway.drain({ untilUnused: true })
        options.onReplaced?.(replaced)
      },
    })
  } catch (error) {
    stopWatching()
    pressure.stop()
    await gateway.close()
    throw error
  }
  cache.warm(reloader.current.config)
  gateway.onClosed(() => {
    stopWatching()
    pressure.stop()
    claim.release()
  })
  return gateway
}

/** Is there something that one thread does for all workers? */
function needsControl({ admin, otlp, upstreams }: GatewayConfig): boolean {
  if (admin !== null || otlp?.metricsUrl || otlp?.tracesUrl) return true
  return upstreams.some((upstream) => upstream.health !== undefined || publishesNames(upstream))
}

async function noReload(): Promise<CommandResult> {
  return { ok: false, status: 501, message: 'this gateway cannot be reloaded from here' }
}
