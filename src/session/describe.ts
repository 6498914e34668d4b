import { peerName } from './peer-name.js'
import type { Session } from './session.js'
import { totalTimeMs, upstreamLatencyMs } from './timing.js'

/**
 * The seed's debug lines for a session, each ended by a newline: request, upstream peer and its health,
 * upstream latency, total time. What is not known yet gives no line.
 */
export function describeSession(session: Session): string {
  let text = ''
  const request = session.reqHeader()
  if (request !== null) text += `Request: ${request.method} ${request.uri.path}\n`
  const peer = session.upstreamPeer
  if (peer !== null) {
    text += `Upstream: ${peerName(peer)}\nPeer health: ${peer.healthStatus}\n`
  }
  const latency = upstreamLatencyMs(session.timing)
  if (latency !== null) text += `Upstream latency: ${Math.round(latency)}ms\n`
  const total = totalTimeMs(session.timing)
  if (total !== null) text += `Total request time: ${Math.round(total)}ms\n`
  return text
}
