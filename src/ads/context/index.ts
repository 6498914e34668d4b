export { type AdLogger, logsEverything, SILENT } from './ad-logger.js'
export { parseCookies } from './parse-cookies.js'
export { cookiesOf, fieldOf, type HeaderSource, type RequestLike } from './request-like.js'
export {
  createPrivacyAwareContext,
  createSessionFromRequest,
  logServing,
  type PrivacyContextOptions,
  type RequestContextOptions,
} from './session-from-request.js'
export { checkContext, claimContext, endContext, StaleContextError, watchContexts } from './stale-context.js'
export { ANONYMOUS, getUserIdFromCookies, shortUserId } from './user-id.js'
