import type { Logger } from '../../logging/index.js'
import type { BreakerChange } from './breaker.js'

/** One line for each change: an upstream that is left alone is a warning, one that is back a notice. */
export function logBreakerChange(logger: Logger, upstream: string, change: BreakerChange): void {
  const { to, requests, failures } = change
  const counts = requests === undefined ? '' : `, ${failures} of ${requests} attempts have failed`
  const text = `breaker of ${upstream}: ${to}${counts}`
  if (to === 'open') logger.warn({ upstream, breaker: to, requests, failures }, text)
  else logger.info({ upstream, breaker: to }, text)
}
