import type { AccessEntry, AccessLog } from '../access-log/index.js'
import type { SessionOutcome } from '../lifecycle/index.js'
import { peerName } from '../session/peer-name.js'
import { sessionLengths } from './record-session.js'

/** A line for a session that has ended, if it gets one. */
export function logSession(log: AccessLog, outcome: SessionOutcome): void {
  const { totalMs, upstreamMs } = sessionLengths(outcome)
  const every = log.take(outcome.status, outcome.error !== null, totalMs ?? -1)
  if (every > 0) log.write(accessEntry(outcome, totalMs ?? -1, upstreamMs), every)
}

function accessEntry(outcome: SessionOutcome, totalMs: number, upstreamMs: number | null): AccessEntry {
  const { session, trail, error, status, bytesIn, bytesOut, queueMs } = outcome
  const { timing } = session
  const { upstreamConnect, upstreamRequestSent, upstreamResponseStart } = timing
  const request = session.reqHeader()
  const peer = session.upstreamPeer
  const connectMs = upstreamConnect === null ? -1 : trail.reused ? 0 : upstreamConnect - trail.attemptMs
  return {
    kind: 'session',
    requestId: session.requestId(),
    traceId: trail.trace?.traceId ?? '',
    client: session.clientAddress(),
    method: request?.method ?? '',
    host: request?.headers.get('host') ?? '',
    target: session.downstreamRequest?.target ?? '',
    route: session.routeName(),
    status,
    upstream: peer === null ? '' : peerName(peer),
    upstreamStatus: trail.upstreamStatus,
    tries: timing.attempts.length + (trail.attemptMs < 0 || peer === null ? 0 : 1),
    reason: error?.reason ?? '',
    code: error?.code ?? '',
    cache: session.cacheResult?.status ?? '',
    bytesIn,
    bytesOut,
    queueMs,
    connectMs,
    responseMs:
      upstreamRequestSent === null || upstreamResponseStart === null
        ? -1
        : upstreamResponseStart - upstreamRequestSent,
    totalMs,
    overheadMs: totalMs < 0 || upstreamMs === null ? -1 : totalMs - upstreamMs,
    header: (name) => request?.headers.get(name) ?? null,
  }
}
