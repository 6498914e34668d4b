import { describeSession } from '../session/describe.js'
import type { Session } from '../session/session.js'
import type { SessionSnapshot } from './types.js'

/** A copy of a session's state that stays when the session has ended. */
export function snapshot(session: Session): SessionSnapshot {
  const { downstreamRequest, downstreamResponse, requestBody, responseBody, upstreamPeer, timing } = session
  return {
    requestId: session.requestId(),
    method: downstreamRequest?.method ?? null,
    target: downstreamRequest?.target ?? null,
    responseStatus: downstreamResponse?.code ?? null,
    requestBody: requestBody === null ? null : Uint8Array.from(requestBody),
    responseBody: responseBody === null ? null : Uint8Array.from(responseBody),
    upstreamPeer: upstreamPeer === null ? null : pick(upstreamPeer),
    cacheEnabled: session.cacheEnabled,
    cacheStatus: session.cacheResult?.status ?? null,
    timing: { ...timing, attempts: timing.attempts.map((attempt) => ({ ...attempt })) },
    requestSent: session.requestSent,
    responseReceived: session.responseReceived,
    retryCount: session.retryCount,
    userCtx: session.userCtx,
    description: describeSession(session),
  }
}

function pick({ address, port, healthStatus }: NonNullable<Session['upstreamPeer']>) {
  return { address, port, healthStatus }
}
