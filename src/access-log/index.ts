export { AccessLog, type AccessLogEnd } from './access-log.js'
export { SECRET_NAMES } from './redactor.js'
export { type RunningAccessLog, startAccessLog } from './start-access-log.js'
export {
  ACCESS_LOG_FORMATS,
  type AccessEntry,
  type AccessLogConfig,
  type AccessLogFormat,
  NO_ENTRY,
} from './types.js'
