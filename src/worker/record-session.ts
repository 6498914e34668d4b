import type { Recorder } from '../histograms/index.js'
import type { SessionOutcome } from '../lifecycle/index.js'

/** The lengths of a session's phases; `null`, or -1 of what the trail has: not reached. */
export interface SessionLengths {
  readonly upstreamMs: number | null
  readonly totalMs: number | null
}

/** Total and upstream time as the histograms have them: those of an upgraded connection end with its 101. */
export function sessionLengths({ session, status }: SessionOutcome): SessionLengths {
  const { timing } = session
  const { upstreamConnect, requestStart } = timing
  const isTunnel = status === 101
  const upstreamEnd = isTunnel ? timing.upstreamResponseStart : timing.upstreamResponseEnd
  const end = isTunnel ? timing.upstreamResponseStart : timing.responseSent
  return {
    upstreamMs: upstreamEnd === null || upstreamConnect === null ? null : upstreamEnd - upstreamConnect,
    totalMs: end === null ? null : end - requestStart,
  }
}

/**
 * every finished session stands in `queue` and, if it was answered, in `total`; in `upstream` if it was there, and in each other phase that it
 * reached. Allocates one small object.
 */
export function recordSession(recorder: Recorder, outcome: SessionOutcome): void {
  const { session, route, queueMs, status, trail } = outcome
  const { upstreamConnect, upstreamRequestSent, upstreamResponseStart, upstreamResponseEnd, responseSent } =
    session.timing
  recorder.record(route, 'queue', queueMs)
  if (trail.filterMs >= 0) recorder.record(route, 'filter', trail.filterMs)
  if (trail.cacheMs >= 0) recorder.record(route, 'cache', trail.cacheMs)
  if (upstreamConnect !== null && !trail.reused)
    recorder.record(route, 'connect', upstreamConnect - trail.attemptMs)
  if (upstreamResponseStart !== null && upstreamRequestSent !== null)
    recorder.record(route, 'ttfb', upstreamResponseStart - upstreamRequestSent)
  if (status !== 101) {
    if (upstreamResponseEnd !== null && upstreamResponseStart !== null)
      recorder.record(route, 'body', upstreamResponseEnd - upstreamResponseStart)
    const answeredMs = upstreamResponseEnd ?? trail.handedOverMs
    if (responseSent !== null && answeredMs >= 0) recorder.record(route, 'write', responseSent - answeredMs)
  }
  const { upstreamMs, totalMs } = sessionLengths(outcome)
  if (upstreamMs !== null) recorder.record(route, 'upstream', upstreamMs)
  if (totalMs === null) return
  recorder.record(route, 'total', totalMs)
  if (upstreamMs !== null) recorder.record(route, 'overhead', totalMs - upstreamMs)
}
