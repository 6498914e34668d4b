import type { Logger } from '../../logging/index.js'
import type { HealthTag } from '../../session/session.js'
import type { HealthReason } from '../peers/index.js'

/** A change of a peer's health. Plain data. */
export interface HealthEvent {
  /** Name of the upstream. */
  readonly upstream: string
  /** `address:port`, or the path of a socket. */
  readonly peer: string
  readonly from: HealthTag
  readonly to: HealthTag
  readonly reason: HealthReason
  /** Of a failed check: what was wrong. */
  readonly detail?: string
}

/** One line for each change: a peer that is lost is a warning, one that is back a notice; the first sign of life is for debugging. */
export function logHealthEvent(logger: Logger, event: HealthEvent): void {
  const { upstream, peer, from, to, reason, detail } = event
  const text = `peer ${peer} of ${upstream}: ${from} -> ${to}, ${reason}${detail === undefined ? '' : ` (${detail})`}`
  if (to === 'unhealthy') logger.warn(event, text)
  else if (from === 'unknown') logger.debug(event, text)
  else logger.info(event, text)
}
