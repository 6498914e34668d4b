export { FrozenInstanceError } from '../session/frozen-instance-error.js'
export {
  type ContextCookies,
  SessionContext,
  type SessionContextJson,
  type SessionContextOptions,
} from '../session/session-context.js'
export * from '../state/index.js'
export * from './money/index.js'
export * from './session/index.js'
export * from './upstream/index.js'
