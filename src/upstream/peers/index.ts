export {
  configuredPeers,
  DEFAULT_BALANCE,
  DEFAULT_EJECTION,
  DEFAULT_PANIC_THRESHOLD,
  privateTable,
  publishesNames,
  SPARE_ROWS,
  tablePlan,
} from './defaults.js'
export { allowedEjections, Ejector, type HealthReason } from './ejector.js'
export { followTable } from './follow-table.js'
export type { TablePlan } from './layout.js'
export { FAILURE_KINDS, type FailureKind, PeerRow } from './peer-row.js'
export type { PeerEntry, PeerSnapshot } from './peer-snapshot.js'
export { PeerTable, type PublishedPeer } from './peer-table.js'
export { isNamed, targetName, targetOf, UpstreamPeer } from './upstream-peer.js'
