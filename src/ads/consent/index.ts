export {
  ACTIVITIES,
  type Activity,
  type ConsentSignals,
  type ContextConsent,
} from '../../session/context-consent.js'
export { type ConsentOptions, decideConsent } from './decide-consent.js'
export { NO_SIGNALS, readConsentSignals, signalsOfOpenRtb, signalsOfQuery } from './read-signals.js'
export { isAllowed, roundGeo, scrubContext, truncateIp } from './scrub.js'
