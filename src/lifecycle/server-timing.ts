import type { SessionTiming } from '../session/timing.js'
import type { SessionTrail } from './session-trail.js'

/**
 * A `Server-Timing` field line (W3C Server Timing) with what is known when the head of an answer is made, milliseconds: `gw` what the gateway itself took, `queue`,
 * `up` from asking for a connection to the head of the upstream's answer, `cache` what it said, and how long the lookup took; then the parts `filter`, `connect` and
 * `ttfb` as the phases of the histograms, and `total` up to here. What did not happen is missing.
 * @param cache as of contract A-47; null: it was not asked
 */
export function serverTimingLine(
  trail: SessionTrail,
  timing: SessionTiming,
  cache: string | null,
  nowMs: number,
): string {
  const { requestStart, upstreamConnect, upstreamRequestSent, upstreamResponseStart } = timing
  const totalMs = nowMs - requestStart
  const upMs = upstreamResponseStart === null ? -1 : upstreamResponseStart - trail.attemptMs
  let metrics = `gw;dur=${milliseconds(totalMs - Math.max(0, upMs))}`
  metrics += `, queue;dur=${milliseconds(trail.takenMs - requestStart)}`
  if (upMs >= 0) metrics += `, up;dur=${milliseconds(upMs)}`
  if (cache !== null) metrics += `, cache;desc=${cache}`
  if (cache !== null && trail.cacheMs >= 0) metrics += `;dur=${milliseconds(trail.cacheMs)}`
  if (trail.filterMs >= 0) metrics += `, filter;dur=${milliseconds(trail.filterMs)}`
  if (upstreamConnect !== null && !trail.reused)
    metrics += `, connect;dur=${milliseconds(upstreamConnect - trail.attemptMs)}`
  if (upstreamRequestSent !== null && upstreamResponseStart !== null)
    metrics += `, ttfb;dur=${milliseconds(upstreamResponseStart - upstreamRequestSent)}`
  return `server-timing: ${metrics}, total;dur=${milliseconds(totalMs)}\r\n`
}

/** The same of an answer that needed no worker. @param cache '' when it is none of the cache's */
export function ownTimingLine(startMs: number, nowMs: number, cache: '' | 'hit'): string {
  const length = milliseconds(nowMs - startMs)
  const middle = cache === '' ? '' : `, cache;desc=${cache}`
  return `server-timing: gw;dur=${length}${middle}, total;dur=${length}\r\n`
}

function milliseconds(lengthMs: number): string {
  return String(Math.round(Math.max(0, lengthMs) * 1000) / 1000)
}
