import type { Logger } from 'pino'
import type { SessionOutcome } from '../lifecycle/index.js'
import { describeSession } from '../session/describe.js'
import { peerName } from '../session/peer-name.js'
import type { SessionTiming } from '../session/timing.js'

/** Longest text of a client that goes into a line. */
const MAX_TEXT = 1024

/** One line per session (contract A-73). Times in milliseconds with three decimals, -1 for what was never reached. */
export function logSession(logger: Logger, outcome: SessionOutcome): void {
  const { session, error, status, bytesIn, bytesOut } = outcome
  const { timing, cacheResult } = session
  const request = session.reqHeader()
  const peer = session.upstreamPeer
  logger.info(
    {
      reqId: session.requestId(),
      client: session.clientAddress(),
      method: request?.method,
      host: truncate(request?.headers.get('host') ?? ''),
      path: truncate(request?.uri.path ?? ''),
      route: session.routeName(),
      status,
      ...(cacheResult === null ? {} : { cache: cacheResult.status }),
      ...(peer === null ? {} : { upstream: peerName(peer) }),
      tries: timing.attempts.length + (timing.upstreamConnect === null ? 0 : 1),
      ...(error === null ? {} : { reason: error.reason, code: error.code }),
      bytesIn,
      bytesOut,
      ...timers(timing),
    },
    'session',
  )
  if (logger.isLevelEnabled('debug')) logger.debug({ reqId: session.requestId() }, describeSession(session))
}

/** Connect, response and total time, as HAProxy's timers. */
function timers(timing: SessionTiming): { tConnect: number; tResponse: number; tTotal: number } {
  return {
    tConnect: span(timing.requestStart, timing.upstreamConnect),
    tResponse: span(timing.upstreamRequestSent, timing.upstreamResponseStart),
    tTotal: span(timing.requestStart, timing.responseSent),
  }
}

function span(from: number | null, to: number | null): number {
  return from === null || to === null ? -1 : Math.round((to - from) * 1000) / 1000
}

function truncate(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`
}
