import { beginNextAttempt } from '../session/timing.js'
import type { PhaseRunner } from './phase-runner.js'
import type { ResponseStage } from './response-stage.js'

/** Forgets the attempt that was: its times are kept, nothing of its answer is. */
export function prepareNextAttempt(phases: PhaseRunner, response: ResponseStage): void {
  const { session } = phases
  phases.supersede()
  response.drop()
  beginNextAttempt(session.timing)
  session.requestSent = false
  session.responseReceived = false
  session.downstreamResponse = null
  session.upstreamPeer = null
}
