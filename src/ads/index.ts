export * from '../money/index.js'
export { FrozenInstanceError } from '../session/frozen-instance-error.js'
export {
  type ContextCookies,
  SessionContext,
  type SessionContextExtras,
  type SessionContextJson,
  type SessionContextOptions,
} from '../session/session-context.js'
export * from '../state/index.js'
export * from './analytics/index.js'
export * from './consent/index.js'
export * from './context/index.js'
export * from './correlation/index.js'
export * from './macros/index.js'
export * from './middleware/index.js'
export * from './openrtb/index.js'
export * from './session/index.js'
export * from './transports/index.js'
export * from './upstream/index.js'
export * from './vast/index.js'
