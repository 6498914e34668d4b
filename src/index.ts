export { type ConfigError, defineConfig, type UserConfig } from './config/index.js'
export {
  defineFilter,
  type Filter,
  type FilterFactory,
  type FilterResponse,
  type FilterResult,
  proceed,
  reject,
  respond,
  retry,
  skipRemaining,
} from './lifecycle/index.js'
export type { PathParams } from './routing/index.js'
export { describeSession } from './session/describe.js'
export {
  type ErrorCode,
  type ErrorSource,
  GatewayError,
  InvalidHeader,
  InvalidRequest,
  MaxRetriesExceeded,
  NoPeerAvailable,
  REASONS,
  type Reason,
  type RetryDecision,
  SessionClosed,
} from './session/errors.js'
export { Headers, type ReadonlyHeaders } from './session/headers.js'
export type {
  ReadonlyRequestHeader,
  ReadonlyResponseHeader,
  RequestHeader,
  RequestUri,
  ResponseHeader,
} from './session/message-headers.js'
export { generateRequestId } from './session/request-id.js'
export type { ResourceScope } from './session/resource-scope.js'
export type { CacheLookupResult, HealthTag, Peer, Session } from './session/session.js'
export { type AttemptTiming, type SessionTiming, totalTimeMs, upstreamLatencyMs } from './session/timing.js'
export {
  createUserContext,
  getUserContext,
  setUserContext,
  type UserContext,
} from './session/user-context.js'
export { type Gateway, type GatewayOptions, startGateway } from './supervisor/index.js'
export { DEFAULT_MAX_RETRIES, handleRetry, selectAlternatePeer } from './upstream/index.js'
