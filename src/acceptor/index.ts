import { createNodeAcceptor } from './node/index.js'
import type { Acceptor, AcceptorHandler, AcceptorOptions } from './types.js'
import { createUwsAcceptor, NativeUnavailable } from './uws/index.js'

export { canSharePort } from './can-share-port.js'
export * from './types.js'
export { NativeUnavailable } from './uws/index.js'

/** `auto`: `uws` where its native binary loads and is known to refuse what must be refused, else `node`. */
export type AcceptorKind = 'uws' | 'node' | 'auto'

/** An acceptor that listens. */
export interface StartedAcceptor extends Acceptor {
  /** Why `auto` had to take `node`; null otherwise. */
  readonly fallbackReason: string | null
}

/**
 * Starts an acceptor; resolves when it listens.
 *
 * @param kind of `uws` there is one process-wide setting, the limit of head bytes: the first acceptor of a process decides
 * @throws NativeUnavailable with kind `uws`; Error with `code` EADDRINUSE, EACCES, ... when listening fails
 */
export async function createAcceptor(
  kind: AcceptorKind,
  options: AcceptorOptions,
  handler: AcceptorHandler,
): Promise<StartedAcceptor> {
  if (kind === 'node') return started(await createNodeAcceptor(options, handler), null)
  try {
    return started(await createUwsAcceptor(options, handler, kind === 'auto'), null)
  } catch (error) {
    if (kind === 'uws' || !(error instanceof NativeUnavailable)) throw error
    return started(await createNodeAcceptor(options, handler), error.why)
  }
}

function started<A extends Acceptor>(acceptor: A, fallbackReason: string | null): StartedAcceptor {
  return Object.assign(acceptor, { fallbackReason })
}
