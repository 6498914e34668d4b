import { Headers } from '#src/session/headers.js'
import { RequestHeader, ResponseHeader } from '#src/session/message-headers.js'
import { Session } from '#src/session/session.js'

/** A session as the acceptor hands it over, before its first phase. */
export function newSession<Ctx = unknown>(startMs = 1000): Session<Ctx> {
  return new Session<Ctx>({ remoteAddress: '203.0.113.1', requestId: 'req-1', startMs }, 'route')
}

/** A session with a request. */
export function sessionWith(method: string, target: string, block = 'host: a\r\n'): Session {
  const session = newSession()
  session.downstreamRequest = new RequestHeader(method, target, new Headers(block))
  return session
}

export function responseHeader(status: number, block = ''): ResponseHeader {
  return new ResponseHeader(status, '', new Headers(block))
}
