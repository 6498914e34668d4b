import { isatty } from 'node:tty'
import { type DestinationStream, type Logger, pino } from 'pino'
import type { LogConfig } from '../config/types.js'
import { pretty } from './pretty.js'
import { REDACTED_PATHS } from './redact.js'
import { useColor } from './use-color.js'

export type { Logger } from 'pino'

export interface LoggerOptions {
  readonly level: LogConfig['level']
  /** `auto`: readable on a terminal, JSON otherwise. */
  readonly format: LogConfig['format']
  /** Default: standard output. */
  readonly destination?: DestinationStream
  /** Is the destination a terminal? Default: whether standard output is (asked of the descriptor: a worker has no stream for it). */
  readonly isTerminal?: boolean
  /** Default `process.env`; NO_COLOR and FORCE_COLOR are looked at. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** Fields of the start line that stand in its text as well; a terminal shows the text alone. */
export const START_FIELD = 'start'

const STDOUT = 1

/** PIPE_BUF: threads share the pipe, and only writes up to here are never interleaved. A write holds whole lines. */
const MAX_WRITE_BYTES = 4096

/** Lines waiting for a slow reader, in bytes; what comes beyond it is dropped and counted. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024

/**
 * The process's logger. JSON lines are written asynchronously and in batches, so that a slow reader of the log never
 * holds up the gateway; they are bounded, and dropped lines are counted in a line of their own. On exit what waits is written.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { level, env = process.env, isTerminal = isatty(STDOUT) } = options
  const base = {
    level,
    base: { pid: process.pid },
    redact: { paths: [...REDACTED_PATHS], censor: '[redacted]' },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  }
  const isPretty = options.format === 'pretty' || (options.format === 'auto' && isTerminal)
  if (isPretty) {
    const stream = pretty()({
      colorize: useColor(env, isTerminal),
      destination: options.destination ?? STDOUT,
      sync: true,
      ignore: `pid,${START_FIELD}`,
      translateTime: 'SYS:HH:MM:ss.l',
      singleLine: true,
    })
    return pino(base, stream)
  }
  return options.destination === undefined ? standardOutput(base) : pino(base, options.destination)
}

function standardOutput(base: pino.LoggerOptions): Logger {
  const stream = pino.destination({
    dest: STDOUT,
    sync: false,
    // Writes at once, like 0; but with 0 a flush would not wait for the write under way.
    minLength: 1,
    maxLength: MAX_WAITING_BYTES,
    maxWrite: MAX_WRITE_BYTES,
  })
  const logger = pino(base, stream)
  let dropped = 0
  stream.on('drop', () => {
    dropped += 1
  })
  stream.on('drain', () => {
    if (dropped === 0) return
    const lines = dropped
    dropped = 0
    logger.warn({ dropped: lines }, `${lines} log lines were dropped, because their reader is too slow`)
  })
  return logger
}

/** Resolves when what was logged so far is written. A thread must wait for it before it ends: only the process's own end flushes. */
export function flushLogger(logger: Logger): Promise<void> {
  return new Promise((resolve) => logger.flush(() => resolve()))
}
