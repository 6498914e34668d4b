import type { LogLevel } from '../config/types.js'
import type { AdminCommand, CommandHandler, CommandResult } from '../control/index.js'
import type { Logger } from '../logging/index.js'
import { captureCpuProfile, ProfileInProgress } from '../telemetry/index.js'
import type { WorkerPool } from './worker-pool.js'

/** What commands of the admin API act on. */
export interface CommandTargets {
  /** Of the configuration in use. */
  readonly pool: Pick<WorkerPool, 'recycle' | 'capture' | 'setLogLevel'>
  readonly logger: Logger
  /** Reads the configuration again and uses it; never rejects. */
  reload(): Promise<CommandResult>
  /** Begins to drain; does not wait for it. */
  drain(): void
}

/** Carries out what the admin API asks for: one entry a command. */
export function commandHandler(targets: CommandTargets): CommandHandler {
  return async (command) => {
    try {
      return await carryOut(command, targets)
    } catch (error) {
      const status = error instanceof ProfileInProgress ? 409 : 500
      return { ok: false, status, message: error instanceof Error ? error.message : String(error) }
    }
  }
}

async function carryOut(command: AdminCommand, targets: CommandTargets): Promise<CommandResult> {
  const { pool, logger } = targets
  switch (command.name) {
    case 'drain':
      targets.drain()
      return { ok: true, value: { draining: true } }
    case 'reload':
      return await targets.reload()
    case 'restart-worker': {
      const { worker } = command
      logger.info({ worker }, 'a worker is to be restarted')
      const restarted = await pool.recycle(worker, 'asked')
      if (restarted === null)
        return {
          ok: false,
          status: 409,
          message: `worker ${worker} is starting or about to end, or another one is being replaced`,
        }
      return { ok: true, value: { worker, ...restarted } }
    }
    case 'log-level':
      setLevel(logger, command.level)
      pool.setLogLevel(command.level)
      return { ok: true, value: { level: command.level } }
    case 'capture': {
      const { thread, durationMs } = command
      if (thread === 'acceptor') return { ok: true, value: await captureCpuProfile(durationMs) }
      return await pool.capture(thread.worker, durationMs)
    }
  }
}

/** Says so while the old level holds. */
function setLevel(logger: Logger, level: LogLevel): void {
  const from = logger.level
  logger.warn({ from, to: level }, 'the log level changes')
  logger.level = level
}
