import { createHash } from 'node:crypto'
import type { ContextCookies } from '../../session/session-context.js'

/** Stands for everybody who is not known (B-16). */
export const ANONYMOUS = 'anonymous'

/** The user's id, or `anonymous` when the cookie is absent or empty (B-16, B-62). */
export function getUserIdFromCookies(cookies: ContextCookies): string {
  const id = cookies['user_id']
  return id === undefined || id === '' ? ANONYMOUS : id
}

/** Stands in logs for a user id: joins records of one user without naming them (B-37, F-29). */
export function shortUserId(userId: string): string {
  if (userId === ANONYMOUS) return userId
  return `user-${createHash('sha256').update(userId).digest('hex').slice(0, 12)}`
}
