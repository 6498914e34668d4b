import { isatty } from 'node:tty'
import { type AccessLogEnd, type RunningAccessLog, startAccessLog } from '../access-log/index.js'
import type { GatewayConfig } from '../config/types.js'
import { type Logger, useColor } from '../logging/index.js'
import type { CounterRow } from '../memory/index.js'
import type { GatewayCounter } from '../session/counters.js'

/**
 * The threads that write access logs, one for each file and format that a configuration has named so far. They stay until the gateway ends: workers of a
 * former configuration may still have lines.
 */
export class AccessLogs {
  readonly #logs = new Map<string, RunningAccessLog>()
  readonly #threads: number
  readonly #logger: Logger
  readonly #counters: CounterRow<GatewayCounter>

  /** @param threads that have lines: a ring for each seat of a worker, and behind them the acceptor's */
  constructor(threads: number, logger: Logger, counters: CounterRow<GatewayCounter>) {
    this.#threads = threads
    this.#logger = logger
    this.#counters = counters
  }

  /** The ends of all threads for this configuration, none where it has no log. @throws Error as of `startAccessLog` */
  async open({ accessLog, log }: GatewayConfig): Promise<readonly AccessLogEnd[]> {
    if (accessLog === undefined) return []
    const { file, format } = accessLog
    const isPretty = file === null && (log.format === 'pretty' || (log.format === 'auto' && isatty(1)))
    const pretty = isPretty ? { color: useColor(process.env, isatty(1)) } : null
    const key = JSON.stringify([file, format])
    let running = this.#logs.get(key)
    if (running === undefined) {
      running = await startAccessLog(accessLog, this.#threads, pretty, (problem, dropped) =>
        this.#onTrouble(problem, dropped),
      )
      this.#logs.set(key, running)
    }
    return running.ends(accessLog)
  }

  /** Opens the files anew under their names, for whoever rotates them. */
  reopen(): void {
    for (const log of this.#logs.values()) log.reopen()
  }

  async close(): Promise<void> {
    await Promise.all([...this.#logs.values()].map((log) => log.close()))
  }

  #onTrouble(problem: string, dropped: number): void {
    this.#counters.add('access_log_dropped', dropped)
    if (problem === '' && dropped === 0) this.#logger.info('the access log is written again')
    else
      this.#logger.warn(
        { dropped, ...(problem === '' ? {} : { problem }) },
        'lines of the access log were dropped',
      )
  }
}
