import type { SessionContext } from '../../session/session-context.js'

/** A context was used for something else than the request that it was made for: its ids would join what does not belong together (B-60). */
export class StaleContextError extends Error {
  override readonly name = 'StaleContextError'
  readonly code = 'HG_STALE_CONTEXT'
  readonly requestId: string

  constructor(why: string, requestId: string) {
    super(`${why}: make a fresh SessionContext for every request`)
    this.requestId = requestId
  }
}

/** No ad session takes as long; a context this old is one that somebody keeps. */
const OLDEST_MS = 300_000

let watching = process.env['NODE_ENV'] === 'development'
const owners = new WeakMap<SessionContext, object>()
const ended = new WeakSet<SessionContext>()

/** Switches the check on or off; by default it is on where `NODE_ENV` is `development`. Costs nothing while off. */
export function watchContexts(on: boolean): void {
  watching = on
}

/** A context is used for this request from now on. @throws StaleContextError when it was used for another one */
export function claimContext(context: SessionContext, request: object): void {
  if (!watching) return
  const owner = owners.get(context)
  if (owner !== undefined && owner !== request) {
    throw new StaleContextError('the context was used for a second request', context.requestId)
  }
  checkContext(context)
  owners.set(context, request)
}

/** The request of a context has been answered. */
export function endContext(context: SessionContext): void {
  if (watching) ended.add(context)
}

/** Before an upstream is asked. @throws StaleContextError when the context's request is over or long ago */
export function checkContext(context: SessionContext | undefined): void {
  if (!watching || context === undefined) return
  if (ended.has(context)) {
    throw new StaleContextError('the request of this context has been answered already', context.requestId)
  }
  if (Date.now() - context.timestamp > OLDEST_MS) {
    throw new StaleContextError('the context is more than 5 minutes old', context.requestId)
  }
}
