import type { RetryDecision } from '../session/errors.js'
import { MaxRetriesExceeded } from '../session/errors.js'
import type { Session } from '../session/session.js'

/** Retries after the first attempt (contract D4, A-60). */
export const DEFAULT_MAX_RETRIES = 3

const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

/** RFC 9110 §9.2.2. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method)
}

/**
 * Counts one retry (contract A-57): the first `maxRetries` calls succeed, the next one throws.
 * @throws MaxRetriesExceeded with `cause`, the last failure
 */
export function handleRetry(session: Session, maxRetries = DEFAULT_MAX_RETRIES, cause?: unknown): void {
  session.retryCount += 1
  if (session.retryCount > maxRetries) throw new MaxRetriesExceeded(session.retryCount, cause)
}

/** May an attempt that failed with this decision be repeated? The body must be whole for a second try in any case. */
export function mayRetry(decision: RetryDecision, method: string, bodyReplayable: boolean): boolean {
  if (decision === 'never' || !bodyReplayable) return false
  return decision === 'always' || isIdempotent(method)
}
