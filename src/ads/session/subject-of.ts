import type { SessionContext } from '../../session/session-context.js'
import { ANONYMOUS, getUserIdFromCookies } from '../context/user-id.js'
import type { Dimension, Subject } from './frequency-rule.js'

/**
 * What stands for users who are not known (D7): `session` (default) their `session_id` cookie, else the one request; `shared` all of them
 * are one user, as in the seed; `uncapped` rules per user do not apply; `block` they get no ad.
 */
export const ANONYMOUS_POLICIES = ['session', 'shared', 'uncapped', 'block'] as const

export type AnonymousPolicy = (typeof ANONYMOUS_POLICIES)[number]

/** Longer ids are nobody's (F-54). */
const MAX_ID_LENGTH = 256
/** Printable, without spaces: neither control characters nor what could end a log line. */
const ID = /^[\x21-\x7e]+$/

/** The user of a context, or `anonymous`: also for an id that is too long or no text to be trusted with (F-30, F-54). */
export function userIdOf(context: SessionContext | undefined): string {
  if (context === undefined) return ANONYMOUS
  const id = getUserIdFromCookies(context.cookies)
  return id.length <= MAX_ID_LENGTH && ID.test(id) ? id : ANONYMOUS
}

/** The dimension `user` of a request; undefined: rules per user do not apply. Null: no ad for this one. */
export function userDimension(
  userId: string,
  policy: AnonymousPolicy,
  context: SessionContext | undefined,
): string | undefined | null {
  if (userId !== ANONYMOUS) return userId
  switch (policy) {
    case 'shared':
      return ANONYMOUS
    case 'uncapped':
      return undefined
    case 'block':
      return null
    case 'session': {
      const session = context?.cookies['session_id']
      if (session !== undefined && session !== '' && session.length <= MAX_ID_LENGTH)
        return `session~${session}`
      return context === undefined ? undefined : `request~${context.correlator}`
    }
  }
}

/** Adds what is known, without the unknown ones. */
export function withDimensions(
  subject: Subject,
  more: Readonly<Partial<Record<Dimension, string | undefined>>>,
): Subject {
  const known: Partial<Record<Dimension, string>> = { ...subject }
  for (const [dimension, value] of Object.entries(more) as [Dimension, string | undefined][]) {
    if (value !== undefined) known[dimension] = value
  }
  return known
}
