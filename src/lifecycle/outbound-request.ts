import type { RequestHeader } from '../session/message-headers.js'
import type { UpstreamPeer } from '../upstream/index.js'
import type { AnswerTaker } from './answer-taker.js'
import type { PhaseRunner } from './phase-runner.js'

/**
 * The request as it goes to one peer, before `upstreamRequestFilter`: with what the route, the cache and the trace change in it.
 * @returns the very same where nothing is changed, else a copy: other attempts begin with the original
 */
export function outboundRequest(
  { route, trail }: PhaseRunner,
  request: RequestHeader,
  peer: UpstreamPeer,
  cache: AnswerTaker | null,
): RequestHeader {
  let directed = route.outbound === undefined ? request : route.outbound.apply(request, peer)
  if (cache !== null) {
    if (directed === request) directed = request.clone()
    cache.prepare(directed)
  }
  return trail.traced(directed, directed !== request, peer)
}
