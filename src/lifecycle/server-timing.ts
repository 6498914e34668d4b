import type { SessionTiming } from '../session/timing.js'
import type { SessionTrail } from './session-trail.js'

/**
 * A `Server-Timing` field line (W3C Server Timing) with what is known when the head of an answer is made, milliseconds: `queue`, `filter`, `connect`, `ttfb` as the
 * phases of the histograms, and `total` up to here. What did not happen is missing.
 */
export function serverTimingLine(trail: SessionTrail, timing: SessionTiming, nowMs: number): string {
  const { upstreamConnect, upstreamRequestSent, upstreamResponseStart } = timing
  let metrics = `queue;dur=${milliseconds(trail.takenMs - timing.requestStart)}`
  if (trail.filterMs >= 0) metrics += `, filter;dur=${milliseconds(trail.filterMs)}`
  if (trail.cacheMs >= 0) metrics += `, cache;dur=${milliseconds(trail.cacheMs)}`
  if (upstreamConnect !== null && !trail.reused)
    metrics += `, connect;dur=${milliseconds(upstreamConnect - trail.attemptMs)}`
  if (upstreamRequestSent !== null && upstreamResponseStart !== null)
    metrics += `, ttfb;dur=${milliseconds(upstreamResponseStart - upstreamRequestSent)}`
  return `server-timing: ${metrics}, total;dur=${milliseconds(nowMs - timing.requestStart)}\r\n`
}

function milliseconds(lengthMs: number): string {
  return String(Math.round(Math.max(0, lengthMs) * 1000) / 1000)
}
