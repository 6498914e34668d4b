import type { GatewayError } from '../session/errors.js'
import type { PhaseRunner } from './phase-runner.js'
import type { SessionOutcome } from './route.js'
import { isPromise, settle } from './run-hooks.js'

/**
 * Phase 9, once for every session: `logging`, then the outcome is told, then what filters and the session hold is
 * given back. Nothing that fails here keeps the rest from being done. Parameters as in {@link SessionOutcome}.
 */
export function cleanUp(
  phases: PhaseRunner,
  error: GatewayError | null,
  status: number,
  bytesIn: number,
  bytesOut: number,
): void {
  const { session, route, trail } = phases
  const queueMs = trail.queueMs(session.timing)
  const outcome = { session, route: route.index, queueMs, trail, error, status, bytesIn, bytesOut }
  const pending: Promise<void>[] = []
  for (const place of phases.chain.logging) {
    const { filter } = place
    const failed = (failure: unknown): void => phases.logFailure(filter, 'logging', failure)
    try {
      const logged = filter.logging?.(session, error, phases.context(place))
      if (isPromise(logged)) pending.push(settle(logged, filter, 'logging', phases.env).catch(failed))
    } catch (failure) {
      failed(failure)
    }
  }
  if (pending.length === 0) free(phases, outcome)
  else void Promise.all(pending).then(() => free(phases, outcome))
}

function free(phases: PhaseRunner, outcome: SessionOutcome): void {
  phases.env.onOutcome(outcome)
  for (const error of phases.freeContexts()) logFailure(phases, error)
  for (const error of phases.session.deinit()) logFailure(phases, error)
}

function logFailure({ env }: PhaseRunner, error: unknown): void {
  env.logger.error({ err: error }, 'a filter failed in cleanup')
}
