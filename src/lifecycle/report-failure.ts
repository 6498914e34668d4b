import type { GatewayError } from '../session/errors.js'
import { peerName } from '../session/peer-name.js'
import type { PhaseRunner } from './phase-runner.js'
import { runQuietly } from './run-hooks.js'

/**
 * One error line per failure that is ours or the upstream's, unless a filter suppresses it. What the client did wrong, and
 * what a filter refused on purpose, is no failure.
 */
export function reportFailure(phases: PhaseRunner, error: GatewayError): void {
  if (error.source === 'downstream' || error.code === 'HG_FILTERED') return
  const { session, chain, env } = phases
  let quiet = false
  runQuietly(
    chain.places('suppressErrorLog'),
    (place) => {
      if (place.filter.suppressErrorLog?.(session, error, phases.context(place)) === true) quiet = true
    },
    ({ filter }, failure) => phases.logFailure(filter, 'suppressErrorLog', failure),
  )
  if (quiet) return
  let summary = ''
  runQuietly(
    chain.places('requestSummary'),
    (place) => {
      const text: unknown = place.filter.requestSummary?.(session, phases.context(place))
      if (typeof text === 'string') summary += text
    },
    ({ filter }, failure) => phases.logFailure(filter, 'requestSummary', failure),
  )
  const request = session.reqHeader()
  const peer = session.upstreamPeer
  env.logger.error(
    {
      reqId: session.requestId(),
      route: session.routeName(),
      method: request?.method,
      path: request?.uri.path,
      reason: error.reason,
      code: error.code,
      ...(peer === null ? {} : { upstream: peerName(peer) }),
      ...(summary === '' ? {} : { summary }),
      ...(error.source === 'internal' ? { err: error.cause ?? error } : {}),
    },
    error.message,
  )
}
