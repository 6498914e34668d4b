import type { Lead } from '../cache/lock/index.js'
import type { SessionStart } from './session-run.js'
import type { Route } from './route.js'

/** A validation that no client waits for (RFC 5861 §3). */
export interface RevalidationJob {
  readonly start: SessionStart
  readonly route: Route
  /** Nobody else validates this answer meanwhile. */
  readonly lead: Lead
}
