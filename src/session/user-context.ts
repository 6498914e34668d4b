import type { Session } from './session.js'

/** The user data of the seed's example (contract A-43): who asks, under which request, with which rights. */
export interface UserContext {
  readonly userId: string
  /** The session's `requestId()`. */
  readonly requestId: string
  /** 0 to 255. */
  readonly authLevel: number
}

/** Checks and freezes user data. @throws RangeError unless `authLevel` is a whole number from 0 to 255 */
export function createUserContext({ userId, requestId, authLevel }: UserContext): UserContext {
  if (!Number.isInteger(authLevel) || authLevel < 0 || authLevel > 255) {
    throw new RangeError(`authLevel must be a whole number from 0 to 255, not ${String(authLevel)}`)
  }
  return Object.freeze({ userId, requestId, authLevel })
}

/** Attaches typed user data to a session. */
export function setUserContext<Ctx>(session: Session<Ctx>, ctx: Ctx): void {
  session.userCtx = ctx
}

/** The user data of a session, or null when none was set. */
export function getUserContext<Ctx>(session: Session<Ctx>): Ctx | null {
  return session.userCtx
}
