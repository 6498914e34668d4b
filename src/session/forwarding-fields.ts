import type { SessionOrigin } from './session.js'

/** Field lines that every upstream is told about a request; the acceptor has removed what a client could forge of it. */
export function forwardingFields({ remoteAddress, requestId }: SessionOrigin): string {
  return `via: 1.1 headgate\r\nx-forwarded-for: ${remoteAddress}\r\nx-forwarded-proto: http\r\nx-request-id: ${requestId}\r\n`
}
