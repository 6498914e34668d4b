import { Headers } from '../session/headers.js'
import { responseBlock } from '../session/wire-block.js'
import type { PlacedFilter } from './filter-chain.js'
import { asGatewayError, type BodyTransform, type PhaseOwner, type PhaseRunner } from './phase-runner.js'
import { filterError } from './run-hooks.js'

/**
 * What passes a response body through the route's filters, those of the upstream's body first.
 * @param isStored the upstream's body filters have seen it already
 * @param lengthBytes of the body as it comes, null when unknown
 * @returns null when no filter wants to see it
 * @throws GatewayError of a filter
 */
export function responseTransform(
  phases: PhaseRunner,
  isStored: boolean,
  lengthBytes: number | null,
): BodyTransform | null {
  const up = isStored ? null : upTransform(phases, lengthBytes)
  const down = downTransform(phases, up === null ? lengthBytes : null)
  if (up === null || down === null) return up ?? down
  return (piece, end) => {
    const first = up(piece, end)
    return first instanceof Uint8Array ? down(first, end) : first.then((bytes) => down(bytes, end))
  }
}

/** The upstream's body filters alone, null when none wants to see it. @throws GatewayError of a filter */
export function upTransform(phases: PhaseRunner, lengthBytes: number | null): BodyTransform | null {
  const { session } = phases
  const hook = 'upstreamResponseBodyFilter'
  const places = wanting(phases, hook, 'upstreamResponseBodyStart', lengthBytes)
  return phases.bodyTransform(places, hook, (filter, piece, end, ctx) =>
    filter.upstreamResponseBodyFilter?.(session, piece, end, ctx),
  )
}

/** The filters of a body on its way down, null when none wants to see it. @throws GatewayError of a filter */
export function downTransform(phases: PhaseRunner, lengthBytes: number | null): BodyTransform | null {
  const { session } = phases
  const hook = 'responseBodyFilter'
  const places = wanting(phases, hook, 'responseBodyStart', lengthBytes)
  return phases.bodyTransform(places, hook, (filter, piece, end, ctx) =>
    filter.responseBodyFilter?.(session, piece, end, ctx),
  )
}

/** Passes a whole body through what `filters` gives; what comes of it is dropped where the session has gone on. */
export function passWhole(
  phases: PhaseRunner,
  owner: Pick<PhaseOwner, 'fail'>,
  filters: () => BodyTransform | null,
  body: Uint8Array,
  next: (body: Uint8Array) => void,
): void {
  const alive = phases.liveness()
  const fail = (error: unknown): void => {
    if (alive()) owner.fail(asGatewayError(error))
  }
  try {
    const transform = filters()
    const bytes = transform === null ? body : transform(body, true)
    if (bytes instanceof Uint8Array) next(bytes)
    else bytes.then((late) => alive() && next(late)).catch(fail)
  } catch (error) {
    fail(error)
  }
}

/** A trailer block that is not empty, as the route's filters make it. @throws GatewayError of a filter */
export function filterTrailers(phases: PhaseRunner, block: string): string {
  const { session, chain } = phases
  const up = chain.upstreamResponseTrailerFilter
  const down = chain.responseTrailerFilter
  if (up.length + down.length === 0) return block
  const trailers = new Headers(block)
  phases.call(up, 'upstreamResponseTrailerFilter', (filter, ctx) =>
    filter.upstreamResponseTrailerFilter?.(session, trailers, ctx),
  )
  phases.call(down, 'responseTrailerFilter', (filter, ctx) =>
    filter.responseTrailerFilter?.(session, trailers, ctx),
  )
  return responseBlock(trailers)
}

/** The filters that have a body hook and do not decline this body. */
function wanting(
  phases: PhaseRunner,
  hook: 'upstreamResponseBodyFilter' | 'responseBodyFilter',
  start: 'upstreamResponseBodyStart' | 'responseBodyStart',
  lengthBytes: number | null,
): readonly PlacedFilter[] {
  const { chain, session } = phases
  const places = chain.places(hook)
  if (places.length === 0 || chain.places(start).length === 0) return places
  return places.filter((place) => {
    const { filter } = place
    try {
      return filter[start]?.(session, lengthBytes, phases.context(place)) !== false
    } catch (error) {
      throw filterError(filter.name, start, error)
    }
  })
}
