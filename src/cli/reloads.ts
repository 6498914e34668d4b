import type { GatewayConfig } from '../config/types.js'
import type { CommandResult } from '../control/index.js'
import type { Logger } from '../logging/index.js'
import type { Gateway } from '../supervisor/types.js'
import type { LoadOutcome } from './load-in-thread.js'

export interface ReloadsOptions {
  readonly load: (() => Promise<LoadOutcome>) | undefined
  readonly gateway: Promise<Gateway>
  readonly logger: Logger
  readonly onReloaded: (config: GatewayConfig) => void
}

/** Reloads the configuration, whoever asks for it, and tells in the log what became of it. */
export class Reloads {
  readonly #options: ReloadsOptions

  constructor(options: ReloadsOptions) {
    this.#options = options
  }

  /** @returns 200, 422 when the configuration is at fault, 409 or 501 when there can be none now; never rejects */
  async run(cause: string): Promise<CommandResult> {
    const { load, gateway: starting, logger, onReloaded } = this.#options
    try {
      const gateway = await starting
      if (load === undefined || gateway.reload === undefined)
        return failure(['this gateway cannot be reloaded'], 501)
      const outcome = await load()
      if (outcome.config === null) {
        gateway.noteFailedReload?.()
        return this.#failed(cause, outcome.problems, 422)
      }
      const generation = await gateway.reload(outcome.config)
      logger.level = outcome.config.log.level
      for (const warning of outcome.problems) logger.warn(warning)
      logger.info({ generation }, `${cause}: reloaded`)
      onReloaded(outcome.config)
      return { ok: true, value: { reloaded: true, generation, warnings: outcome.problems } }
    } catch (error) {
      const { reasons, isConfig } = error as { reasons?: readonly string[]; isConfig?: boolean }
      const problems = reasons ?? [error instanceof Error ? error.message : String(error)]
      return this.#failed(cause, problems, isConfig === false ? 409 : 422)
    }
  }

  #failed(cause: string, problems: readonly string[], status: number): CommandResult {
    this.#options.logger.error(
      { problems },
      `${cause}: not reloaded, nothing was changed: ${problems.join('; ')}`,
    )
    return failure(problems, status)
  }
}

function failure(problems: readonly string[], status: number): CommandResult {
  return { ok: false, status, message: problems.join('; '), value: { reloaded: false, problems } }
}
