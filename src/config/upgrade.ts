import { InvalidValue, show } from './invalid-value.js'

const PROTOCOL = /^[!#$%&'*+.^_`|~0-9a-z-]+(?:\/[!#$%&'*+.^_`|~0-9a-z-]+)?$/
/** HTTP itself: whoever may switch to it speaks to the upstream behind the back of every rule of the gateway. */
const HTTP = /^(?:h2c?|http(?:\/.*)?|tls(?:\/.*)?)$/

/** A protocol of `Upgrade` (RFC 9110 §7.8), in lower case. @throws InvalidValue */
export function parseUpgrade(value: unknown): string {
  if (typeof value !== 'string') throw new InvalidValue(`expected a protocol, got ${show(value)}`)
  const protocol = value.toLowerCase()
  if (!PROTOCOL.test(protocol)) {
    throw new InvalidValue(`${show(value)} is no protocol`, "for example 'websocket'")
  }
  if (HTTP.test(protocol)) {
    throw new InvalidValue(`${show(value)} would let clients pass requests by the gateway`, 'take it out')
  }
  return protocol
}
