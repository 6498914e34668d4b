export {
  type AddressListener,
  type DnsSettings,
  keepNames,
  type NameLog,
  NameNotResolved,
  NameResolver,
  type ResolvedAddress,
} from './dns/index.js'
export { type FollowedUpstream, PeerFollower } from './follow-peers.js'
export {
  BREAKER_STATES,
  Breaker,
  type BreakerChange,
  type BreakerPass,
  DEFAULT_BACKOFF,
  DEFAULT_BUDGET,
  type GuardStats,
  logBreakerChange,
  MAX_SAVED_RETRIES,
  RetryBudget,
  readGuard,
  SessionLimit,
  UpstreamGuard,
  type UpstreamGuardOptions,
  type Waiter,
} from './guard/index.js'
export { HealthChecker, type HealthEvent, logHealthEvent, peerChecker } from './health/index.js'
export { PeerSet } from './peer-set.js'
export type { HealthChange, PeerSetOptions } from './peer-set-options.js'
export {
  configuredPeers,
  followTable,
  isNamed,
  type PeerEntry,
  type PeerSnapshot,
  PeerTable,
  type PublishedPeer,
  publishesNames,
  SPARE_ROWS,
  type TablePlan,
  tablePlan,
  targetName,
  targetOf,
  UpstreamPeer,
} from './peers/index.js'
export { DEFAULT_MAX_RETRIES, handleRetry, isIdempotent, mayRetry } from './retry-policy.js'
export { selectAlternatePeer } from './select-alternate-peer.js'
export {
  createUpstream,
  type Upstream,
  type UpstreamConnector,
  type UpstreamSurroundings,
} from './upstream.js'
