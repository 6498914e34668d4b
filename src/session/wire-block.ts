import { InvalidHeader } from './errors.js'
import { FRAMING } from './header-rules.js'
import type { Headers } from './headers.js'

/**
 * The field lines of a request as they go to an upstream: without framing and connection fields that a filter may have put
 * there, which would let a request be smuggled behind it. Costs nothing unless a filter touched one of those.
 * @throws InvalidHeader unless there is exactly one Host (RFC 9112 §3.2)
 */
export function requestBlock(headers: Headers): string {
  if (!headers.needsCare) return headers.toBlock()
  const hosts = headers.getAll('host').length
  if (hosts !== 1) throw new InvalidHeader(`the request has ${hosts === 0 ? 'no' : 'more than one'} Host`)
  return without(headers, NONE)
}

/** The same for an answer to the client, or for trailers. The acceptor writes the Date and the request's id. */
export function responseBlock(headers: Headers): string {
  return headers.needsCare ? without(headers, ACCEPTORS_OWN) : headers.toBlock()
}

const NONE: ReadonlySet<string> = new Set()
const ACCEPTORS_OWN: ReadonlySet<string> = new Set(['date', 'x-request-id'])

function without(headers: Headers, others: ReadonlySet<string>): string {
  let block = ''
  for (const [name, value] of headers) {
    const lower = name.toLowerCase()
    if (!FRAMING.has(lower) && !others.has(lower)) block += `${name}: ${value}\r\n`
  }
  return block
}
