/** What of a logger is used: pino's fits. */
export interface AdLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** Whether ids may be written out: only while debugging. Default: no. */
  isLevelEnabled?(level: string): boolean
}

/** For where nobody gave one. */
export const SILENT: AdLogger = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/** May user ids and parameters stand in the log as they are? */
export function logsEverything(logger: AdLogger): boolean {
  return logger.isLevelEnabled?.('debug') === true
}
