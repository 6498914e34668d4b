export { createLogger, flushLogger, type Logger, type LoggerOptions, START_FIELD } from './create-logger.js'
export { useColor } from './use-color.js'
