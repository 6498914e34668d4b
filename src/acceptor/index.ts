import { createNodeAcceptor } from './node/index.js'
import type { Acceptor, AcceptorHandler, AcceptorOptions } from './types.js'

export * from './types.js'

export type AcceptorKind = 'uws' | 'node' | 'auto'

export async function createAcceptor(
  kind: AcceptorKind,
  options: AcceptorOptions,
  handler: AcceptorHandler,
): Promise<Acceptor> {
  if (kind === 'node') return createNodeAcceptor(options, handler)
  return createNodeAcceptor(options, handler)
}
