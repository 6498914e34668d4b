import type { GatewayConfig } from '../config/types.js'
import type { CommandResult } from '../control/index.js'
import { type Logger, START_FIELD } from '../logging/index.js'
import type { Gateway, StartGateway } from '../supervisor/types.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import type { LoadOutcome } from './load-in-thread.js'
import { Reloads } from './reloads.js'
import { startFailure } from './start-failure.js'
import { startFields, startLine } from './start-line.js'

export interface ServeOptions {
  readonly version: string
  readonly logger: Logger
  readonly startGateway: StartGateway
  /** Source of signals and of errors that nobody caught: the process, or a stand-in in tests. */
  readonly events: Pick<NodeJS.EventEmitter, 'on' | 'off'>
  /** Reads the configuration again, for SIGHUP, `POST /reload` and changed files. Absent: a reload is refused. */
  readonly load?: () => Promise<LoadOutcome>
  /** Calls back when files of the configuration have changed; returns what ends it. Absent: nobody looks. */
  readonly watch?: (config: GatewayConfig, onChange: () => void) => () => void
  /** Takes the place of the gateway that listens there. Default false. */
  readonly upgrade?: boolean
  /** Looks for the user's mistake behind a failed start, and tells it: the exit code then, or null when it finds none. */
  readonly explainFailure?: (error: unknown) => Promise<ExitCode | null>
  /** Milliseconds. Default `Date.now`. */
  readonly now?: () => number
}

/**
 * `npm start` passes a Ctrl-C on to its child, which has it from the terminal already: a SIGINT that follows another
 * within this time is the same keystroke.
 */
const SAME_KEYSTROKE_MS = 300

/** How long a forced stop waits for the gateway to close what it has. */
const FORCED_CLOSE_MS = 2000

/**
 * Runs a gateway until a signal ends it. SIGHUP reloads; SIGTERM or SIGINT drains; another one meanwhile cuts what is left. An error that
 * nobody caught ends it at once, because the state behind it is unknown.
 * @returns the exit code; never rejects.
 */
export function serve(config: GatewayConfig, options: ServeOptions): Promise<ExitCode> {
  const { version, logger, startGateway, events, upgrade = false, now = Date.now } = options
  return new Promise((resolve) => {
    let stopping: { readonly sinceMs: number; readonly signal: string } | null = null
    let forced = false
    let ended = false
    const onReloadAsked = (): Promise<CommandResult> => reloads.run('POST /reload')
    /** The admin API: as the first signal. */
    const onDrainAsked = (): void => {
      if (stopping !== null) return
      stopping = { sinceMs: now(), signal: 'POST /drain' }
      void drain('POST /drain')
    }
    const onReplaced = (drained: Promise<{ lost: number }>): void => {
      stopping ??= { sinceMs: now(), signal: 'upgrade' }
      logger.info('another process has taken over: finishing the sessions in flight')
      void watchDrain(drained)
    }
    const onHopeless = (err: Error): void => {
      logger.fatal({ err }, 'all workers die again and again before they are of any use: the gateway ends')
      void cut(starting).then(() => finish(EXIT.runtime))
    }
    const starting = Promise.resolve().then(() =>
      startGateway(config, { logger, upgrade, onReloadAsked, onDrainAsked, onReplaced, onHopeless }),
    )
    const reloads = new Reloads({
      load: options.load,
      gateway: starting,
      logger,
      onReloaded: (next) => rewatch(next),
    })
    let stopWatching = (): void => undefined
    const rewatch = (next: GatewayConfig): void => {
      stopWatching()
      stopWatching = options.watch?.(next, () => void reloads.run('a file has changed')) ?? (() => undefined)
    }
    const onHangUp = (): void => void reloads.run('SIGHUP')

    const finish = (code: ExitCode): void => {
      if (ended) return
      ended = true
      stopWatching()
      events.off('SIGHUP', onHangUp)
      for (const signal of SIGNALS) events.off(signal, onSignal)
      events.off(REOPEN, onReopen)
      for (const event of FAILURES) events.off(event, onFailure)
      resolve(code)
    }
    const onSignal = (signal: string): void => {
      if (stopping === null) {
        stopping = { sinceMs: now(), signal }
        void drain(signal)
        return
      }
      const sinceMs = now() - stopping.sinceMs
      if (signal === 'SIGINT' && stopping.signal === 'SIGINT' && sinceMs < SAME_KEYSTROKE_MS) return
      if (forced) return
      forced = true
      void force(signal)
    }
    const onReopen = (): void => {
      void starting.then((gateway) => gateway.reopenLogs?.()).catch(() => undefined)
    }
    const onFailure = (error: unknown): void => {
      logger.fatal({ err: error }, 'an error that nobody caught: the gateway ends')
      finish(EXIT.runtime)
    }
    const failed = (error: unknown, what: string): void => {
      logger.fatal({ err: error }, what)
      finish(EXIT.runtime)
    }

    const drain = async (signal: string): Promise<void> => {
      const gateway = await starting.catch(() => null)
      if (gateway === null || ended) return
      const patienceMs = config.drain.timeoutMs
      logger.info(
        `${signal}: finishing the sessions in flight, for up to ${patienceMs / 1000} s; once more to cut them`,
      )
      await watchDrain(gateway.drain())
    }
    const watchDrain = async (drained: Promise<{ lost: number }>): Promise<void> => {
      try {
        const { lost } = await drained
        if (forced) return
        if (lost > 0) logger.warn({ lost }, `stopped; ${sessions(lost)} not finished in time and cut`)
        else logger.info('stopped; no session was lost')
        finish(lost > 0 ? EXIT.runtime : EXIT.ok)
      } catch (error) {
        failed(error, 'draining failed')
      }
    }
    const force = async (signal: string): Promise<void> => {
      const lost = await cut(starting)
      logger.warn({ lost }, `${signal} once more: stopped; ${sessions(lost)} cut`)
      finish(EXIT.runtime)
    }

    events.on('SIGHUP', onHangUp)
    for (const signal of SIGNALS) events.on(signal, onSignal)
    if (process.platform !== 'win32') events.on(REOPEN, onReopen)
    for (const event of FAILURES) events.on(event, onFailure)
    starting.then(
      (gateway) => {
        const fields = { [START_FIELD]: startFields(version, gateway, config) }
        // Before it is said: who reads the line may change a file at once.
        rewatch(config)
        logger.info(fields, startLine(version, gateway, config))
      },
      async (error: unknown) => {
        const known = startFailure(error, config)
        if (known !== null) {
          logger.fatal(known)
          finish(EXIT.runtime)
          return
        }
        const explained = await options.explainFailure?.(error).catch(() => null)
        if (typeof explained === 'number') finish(explained)
        else failed(error, 'the gateway did not start')
      },
    )
  })
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const
/** Whoever rotates the access log has moved its file away. */
const REOPEN = 'SIGUSR2'
const FAILURES = ['uncaughtException', 'unhandledRejection'] as const

/** Closes the gateway under its sessions. @returns how many there were; 0 if it had not started. */
async function cut(starting: Promise<Gateway>): Promise<number> {
  let lost = 0
  const closing = starting.then(async (gateway) => {
    lost = gateway.inFlight
    await gateway.close()
  })
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, FORCED_CLOSE_MS)
  })
  // A close that fails or hangs must not keep the process: it ends anyway.
  await Promise.race([closing.catch(() => undefined), patience])
  clearTimeout(timer)
  return lost
}

function sessions(count: number): string {
  return count === 1 ? '1 session was' : `${count} sessions were`
}
