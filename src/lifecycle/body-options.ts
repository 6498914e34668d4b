import type { ClientPort } from './client-port.js'
import type { BodyTransform, PhaseRunner } from './phase-runner.js'
import type { RequestBodyOptions } from './request-body-types.js'

/** How the body of a request is taken in. @param contentLength as in `SessionStart` */
export function bodyOptions(
  phases: PhaseRunner,
  contentLength: number,
  port: ClientPort,
): RequestBodyOptions {
  return {
    contentLength,
    buffer: phases.route.bufferRequestBody,
    limitBytes: phases.env.bufferedBodyBytes,
    transform: requestTransform(phases),
    port,
  }
}

/** What passes a request body through the route's filters, null when there are none for it. */
function requestTransform(phases: PhaseRunner): BodyTransform | null {
  const { session, route } = phases
  const places = route.chain.requestBodyFilter
  if (places.length === 0) return null
  return phases.bodyTransform(places, 'requestBodyFilter', (filter, piece, end, ctx) =>
    filter.requestBodyFilter?.(session, piece, end, ctx),
  )
}
