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
export { HealthChecker, type HealthEvent, logHealthEvent, peerChecker } from './health/index.js'
export { type HealthChange, PeerSet, type PeerSetOptions } from './peer-set.js'
export {
  configuredPeers,
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
