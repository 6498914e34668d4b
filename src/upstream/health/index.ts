export { type CheckPeer, peerChecker } from './check-peer.js'
export { HealthChecker, type HealthCheckerOptions } from './health-checker.js'
export { type HealthEvent, logHealthEvent } from './health-event.js'
