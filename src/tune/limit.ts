import type { Point } from './types.js'

/** What keeps the gateway from being faster at a number of workers. */
export type Limit = 'generator-bound' | 'cpu-starved' | 'acceptor-bound' | 'worker-bound' | 'upstream-bound'

/** Share of time from which on a loop has no room left. */
const FULL = 0.9
/** A machine without room, and loops that wait for a core that somebody else has. */
const CROWDED = 0.9
const WAITED_FOR_CORES = 0.85
const THROTTLED = 0.05

/**
 * What limits throughput at a point. Starvation is looked at before the loops: one that waits for a core looks as busy as one
 * that has it.
 */
export function limitOf(point: Point): Limit {
  const crowded = point.machineBusy > CROWDED || point.throttledShare > THROTTLED
  if (crowded && point.grantedShare < WAITED_FOR_CORES) return 'cpu-starved'
  if (point.acceptorBusy > FULL) return 'acceptor-bound'
  if (point.workersBusy > FULL) return 'worker-bound'
  if (point.generatorBusy > FULL) return 'generator-bound'
  // The quota alone is enough: loops that are not run at all count as idle or busy as it happens.
  if (point.throttledShare > THROTTLED || crowded) return 'cpu-starved'
  return 'upstream-bound'
}

/** In words, for whom it is new. */
export const LIMIT_TEXT: Readonly<Record<Limit, string>> = {
  'acceptor-bound':
    'The acceptor, the one thread that talks to clients, has no time left. More workers give it nothing to hand out faster: only a second gateway process on the same port does.',
  'worker-bound': 'The workers have no time left: filters and upstream calls take all of it.',
  'upstream-bound':
    'Neither acceptor nor workers are busy all the time: they wait for the upstream. More workers do not make it answer sooner.',
  'cpu-starved':
    'There are not enough cores for all who want to run, and the gateway waits for its turn. More workers only take turns more often; more cores, or a larger CPU quota, would help.',
  'generator-bound':
    'The load generator itself has no time left, so the gateway may well be faster than this machine can show.',
}
