import { SessionContext, type SessionContextExtras } from '../../session/session-context.js'
import { type ConsentOptions, decideConsent } from '../consent/decide-consent.js'
import { readConsentSignals } from '../consent/read-signals.js'
import { scrubContext } from '../consent/scrub.js'
import { type AdLogger, logsEverything } from './ad-logger.js'
import { cookiesOf, type RequestLike } from './request-like.js'
import { claimContext } from './stale-context.js'
import { ANONYMOUS, getUserIdFromCookies, shortUserId } from './user-id.js'

export interface RequestContextOptions extends SessionContextExtras {
  /** Of the gateway's session. Default: a fresh one. */
  readonly requestId?: string
  /**
   * Checks the `user_id` cookie, which anybody can write, and gives the id that counts: a signed id without its signature, say; null
   * makes the user anonymous (F-30). Default: taken as it is.
   */
  readonly verifyUserId?: (value: string) => string | null
}

/** The context of a request, with its `user_id` (default `anonymous`) and `session_id` (default empty), nothing else (B-36). */
export function createSessionFromRequest(
  request: RequestLike,
  options: RequestContextOptions = {},
): SessionContext {
  const { verifyUserId, ...rest } = options
  const sent = cookiesOf(request)
  const context = SessionContext.create({
    ...rest,
    cookies: { user_id: userIdOf(sent, verifyUserId), session_id: sent['session_id'] ?? '' },
  })
  claimContext(context, request)
  return context
}

export interface PrivacyContextOptions extends Omit<RequestContextOptions, 'consent'> {
  readonly consentOptions?: ConsentOptions
  /** OpenRTB object that came with the request, for its `regs`, `user` and `device`. */
  readonly body?: unknown
}

/**
 * As {@link createSessionFromRequest}, but the user's id is only taken over with consent, and no other identifying cookie ever is
 * (B-38). Consent is given by the cookie `gdpr_consent=1` or by a TCF or GPP string; every other signal can only take away from it, and
 * the strictest decides (B-39). Ids, precise address and page go as far as `context.consent.allowed` says.
 */
export function createPrivacyAwareContext(
  request: RequestLike,
  options: PrivacyContextOptions = {},
): SessionContext {
  const { verifyUserId, consentOptions, body, ...rest } = options
  const sent = cookiesOf(request)
  const asked = sent['gdpr_consent']
  const siteConsent = asked === undefined ? 'unasked' : asked === '1' ? 'given' : 'refused'
  const consent = decideConsent(readConsentSignals(request, body), { ...consentOptions, siteConsent })
  const { useIds } = consent.allowed
  const context = scrubContext(SessionContext.create({ ...rest, consent })).with({
    cookies: { user_id: useIds ? userIdOf(sent, verifyUserId) : ANONYMOUS },
  })
  claimContext(context, request)
  return context
}

function userIdOf(
  cookies: Record<string, string>,
  verify: ((value: string) => string | null) | undefined,
): string {
  const id = getUserIdFromCookies(cookies)
  if (id === ANONYMOUS || verify === undefined) return id
  return verify(id) ?? ANONYMOUS
}

/** Says for whom an ad is asked (B-37): the id itself only while debugging. */
export function logServing(logger: AdLogger, context: SessionContext): void {
  const id = getUserIdFromCookies(context.cookies)
  const shown = logsEverything(logger) ? id : shortUserId(id)
  logger.info({ request_id: context.requestId }, `Serving ad for user: ${shown}`)
}
