import { formatHostPort } from '../config/address.js'
import type { Logger } from '../logging/index.js'
import type { HealthChange } from '../upstream/index.js'

/** One line for each change of a peer's health that this worker's sessions have brought about. */
export function logHealthChange(logger: Logger, upstream: string, change: HealthChange): void {
  const { peer, from, to, reason } = change
  const name = peer.port === 0 ? peer.address : formatHostPort(peer.address, peer.port)
  const fields = { upstream, peer: name, from, to, reason }
  const message = `peer ${name} of ${upstream}: ${from} → ${to}, ${reason}`
  if (to === 'unhealthy') logger.warn(fields, message)
  else if (reason === 'first answer') logger.debug(fields, message)
  else logger.info(fields, message)
}
