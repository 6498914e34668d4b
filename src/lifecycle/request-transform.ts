import type { BodyTransform, PhaseRunner } from './phase-runner.js'

/** What passes a request body through the route's filters, null when there are none for it. */
export function requestTransform(phases: PhaseRunner): BodyTransform | null {
  const { session, route } = phases
  const places = route.chain.requestBodyFilter
  if (places.length === 0) return null
  return phases.bodyTransform(places, 'requestBodyFilter', (filter, piece, end, ctx) =>
    filter.requestBodyFilter?.(session, piece, end, ctx),
  )
}
