import type { GatewayError } from '../session/errors.js'
import type { PhaseRunner } from './phase-runner.js'
import type { ResponseStage } from './response-stage.js'
import type { FilterResult } from './results.js'
import { isPromise } from './run-hooks.js'

/** Answers a session that has failed: what `failToProxy` of a filter gives, else the error document. */
export function answerFailure(
  phases: PhaseRunner,
  response: Pick<ResponseStage, 'respondError'>,
  error: GatewayError,
): void {
  phases.run(
    phases.chain.places('failToProxy'),
    'failToProxy',
    (filter, session, ctx) => {
      const own = filter.failToProxy?.(session, error, ctx)
      const take = (answer: Awaited<typeof own>): FilterResult | undefined =>
        answer === undefined || answer === null ? undefined : { kind: 'respond', response: answer }
      return isPromise(own) ? own.then(take) : take(own)
    },
    () => response.respondError(error),
  )
}
