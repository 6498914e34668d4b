export { FrozenInstanceError } from '../session/frozen-instance-error.js'
export {
  type ContextCookies,
  SessionContext,
  type SessionContextJson,
  type SessionContextOptions,
} from '../session/session-context.js'
export * from './macros/index.js'
export * from './vast/index.js'
