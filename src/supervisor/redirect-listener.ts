import { type Acceptor, type AcceptorOptions, createAcceptor, type Downstream } from '../acceptor/index.js'
import type { ListenAddress } from '../config/types.js'
import { hostName } from '../routing/index.js'

const NOTHING = new Uint8Array(0)

/**
 * Sends whoever comes over plain HTTP to the same URL over https: 308, so that method and body stay.
 * @param options of the main acceptor
 * @param httpsPort where that one listens
 */
export function startRedirects(
  listen: ListenAddress,
  options: AcceptorOptions,
  httpsPort: number,
  kind: 'uws' | 'node',
): Promise<Acceptor> {
  const { tls: _, upgrades: __, ...plain } = options
  const port = httpsPort === 443 ? '' : `:${httpsPort}`
  const ignore = (): void => undefined
  return createAcceptor(
    kind,
    { ...plain, ...listen },
    {
      onRequest(exchange) {
        const { host, target } = exchange.head
        const path = target === '*' ? '/' : target
        const block = `location: https://${hostName(host)}${port}${path}\r\n`
        // Not in the turn of a chunked request (U3).
        setImmediate(() => answer(exchange, block))
      },
      onBody: ignore,
      onAbort: ignore,
      onDrain: ignore,
      onFinish: ignore,
      onRefused: ignore,
    },
  )
}

function answer(exchange: Downstream, headerBlock: string): void {
  exchange.respond(308, 'Permanent Redirect', headerBlock, NOTHING, 0)
}
