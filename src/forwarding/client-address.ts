import { isIP } from 'node:net'
import type { TrustedProxies } from './trusted-proxies.js'

/**
 * Which element of a chain is the client, by what trusted proxies say: the first from the right whose address is not trusted (B11). Where the
 * chain goes on with what is no address, the last one that a trusted proxy vouched for; if all are trusted, the leftmost.
 * @param chain addresses from left to right, as in `X-Forwarded-For`, appended to by a peer that is trusted
 * @returns its index, or -1: the peer itself
 */
export function clientIndex(chain: readonly string[], trusted: TrustedProxies): number {
  let client = -1
  for (let i = chain.length - 1; i >= 0; i -= 1) {
    const address = nodeAddress(chain[i] ?? '')
    if (address === null) return client
    client = i
    if (!trusted.has(address)) return client
  }
  return client
}

const WITH_PORT = /^(?:\[([^\]]+)\]|([0-9.]+))(?::[0-9]{1,5}|:_[A-Za-z0-9._-]+)?$/
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/** The address in a node of X-Forwarded-For or Forwarded, which may have brackets and a port; null for `unknown`, `_hidden` and nonsense. */
export function nodeAddress(node: string): string | null {
  const [, six, four] = WITH_PORT.exec(node) ?? []
  const address = six ?? four ?? node
  const mapped = MAPPED.exec(address)?.[1]
  if (mapped !== undefined && isIP(mapped) === 4) return mapped
  return isIP(address) === 0 || address.includes('%') ? null : address
}
