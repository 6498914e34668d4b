export {
  type AddressListener,
  createQuery,
  type DnsSettings,
  NameNotResolved,
  NameResolver,
  type ResolvedAddress,
} from './dns/index.js'
export { PeerSet, type UpstreamPeer } from './peer-set.js'
export { DEFAULT_MAX_RETRIES, handleRetry, isIdempotent, mayRetry } from './retry-policy.js'
export { selectAlternatePeer } from './select-alternate-peer.js'
export { createUpstream, type Upstream, type UpstreamConnector } from './upstream.js'
