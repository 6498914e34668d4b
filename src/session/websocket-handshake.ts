import { createHash } from 'node:crypto'
import type { Headers } from './headers.js'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** What `Sec-WebSocket-Accept` must be for a key (RFC 6455 §4.2.2). */
export function webSocketAccept(key: string): string {
  return createHash('sha1').update(`${key}${GUID}`, 'latin1').digest('base64')
}

/**
 * Why a 101 does not answer the WebSocket handshake that it is for (RFC 6455 §4.1); null when it does. A client would find out
 * by itself, but the acceptor `uws` makes its own side of the handshake, so that a wrong answer would look right.
 */
export function handshakeProblem(request: Headers, answer: Headers): string | null {
  const key = request.get('sec-websocket-key') ?? ''
  const accepts = answer.getAll('sec-websocket-accept')
  if (accepts.length !== 1 || accepts[0]?.trim() !== webSocketAccept(key)) {
    return 'the 101 does not accept the key that was sent'
  }
  const protocols = answer.getAll('sec-websocket-protocol')
  if (protocols.length > 1) return 'the 101 names more than one subprotocol'
  const [protocol] = protocols
  if (protocol !== undefined && !tokens(request.getAll('sec-websocket-protocol')).includes(protocol.trim())) {
    return 'the 101 names a subprotocol that was not asked for'
  }
  const offered = names(request.getAll('sec-websocket-extensions'))
  if (names(answer.getAll('sec-websocket-extensions')).some((name) => !offered.includes(name))) {
    return 'the 101 names an extension that was not asked for'
  }
  return null
}

function tokens(values: readonly string[]): string[] {
  return values.flatMap((value) => value.split(',')).map((token) => token.trim())
}

/** Extensions without their parameters. A quoted parameter could hold a comma; none that is registered does. */
function names(values: readonly string[]): string[] {
  return tokens(values)
    .map((extension) => extension.split(';', 1)[0]?.trim().toLowerCase() ?? '')
    .filter((name) => name !== '')
}
