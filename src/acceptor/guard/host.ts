import { isIPv6 } from 'node:net'

const NAME_AND_PORT = /^[A-Za-z0-9._~-]+(?::(\d{0,5}))?$/
const LITERAL_AND_PORT = /^\[([0-9A-Fa-f:.]+)\](?::(\d{0,5}))?$/
const MAX_LENGTH = 255 + 1 + 5

/**
 * `Host = uri-host [ ":" port ]` (RFC 9110 §7.2), stricter than the grammar: a name is made of letters, digits and `-._~`
 * only, since sub-delimiters and percent-escapes in it are of use to attackers alone (B12). IPv6 stands in brackets.
 */
export function isHost(value: string): boolean {
  if (value.length > MAX_LENGTH) return false
  const named = NAME_AND_PORT.exec(value)
  if (named !== null) return isPort(named[1])
  const literal = LITERAL_AND_PORT.exec(value)
  return literal !== null && isIPv6(literal[1] ?? '') && isPort(literal[2])
}

function isPort(text: string | undefined): boolean {
  return text === undefined || Number(text) <= 65535
}
