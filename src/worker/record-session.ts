import { PHASE_INDEX, type Recorder } from '../histograms/index.js'
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

const { queue, filter, cache, connect, ttfb, body, write, upstream, total, overhead } = PHASE_INDEX

/**
 * every finished session stands in `queue` and, if it was answered, in `total`; in `upstream` if it was there, and in each other phase that it
 * reached. Allocates nothing; all of it is to take 0.3 µs at most (bench/micro/record.mjs).
 */
export function recordSession(recorder: Recorder, outcome: SessionOutcome): void {
  const { session, queueMs, status, trail } = outcome
  const { timing } = session
  const { requestStart, upstreamConnect, upstreamRequestSent, upstreamResponseStart, upstreamResponseEnd } =
    timing
  const isTunnel = status === 101
  const place = recorder.place(outcome.route)
  recorder.put(place + queue, queueMs)
  if (trail.filterMs >= 0) recorder.put(place + filter, trail.filterMs)
  if (trail.cacheMs >= 0) recorder.put(place + cache, trail.cacheMs)
  const upstreamEnd = isTunnel ? upstreamResponseStart : upstreamResponseEnd
  let upstreamMs = -1
  if (upstreamConnect !== null) {
    if (!trail.reused) recorder.put(place + connect, upstreamConnect - trail.attemptMs)
    if (upstreamEnd !== null) {
      upstreamMs = upstreamEnd - upstreamConnect
      recorder.put(place + upstream, upstreamMs)
    }
  }
  if (upstreamResponseStart !== null && upstreamRequestSent !== null)
    recorder.put(place + ttfb, upstreamResponseStart - upstreamRequestSent)
  const end = isTunnel ? upstreamResponseStart : timing.responseSent
  if (!isTunnel) {
    if (upstreamResponseEnd !== null && upstreamResponseStart !== null)
      recorder.put(place + body, upstreamResponseEnd - upstreamResponseStart)
    const answeredMs = upstreamResponseEnd ?? trail.handedOverMs
    if (end !== null && answeredMs >= 0) recorder.put(place + write, end - answeredMs)
  }
  if (end === null) return
  recorder.put(place + total, end - requestStart)
  recorder.putAnswer(outcome.route, session.downstreamRequest?.method ?? '', status, end - requestStart)
  if (upstreamMs >= 0) recorder.put(place + overhead, end - requestStart - upstreamMs)
}
