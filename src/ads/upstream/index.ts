export type { DestinationGuard, Transport, TransportRequest, TransportResponse } from './transport.js'
export {
  type AdRef,
  type AdResult,
  type AdTerms,
  BaseUpstream,
  type Fill,
  NO_FILL_REASONS,
  type NoFill,
  type NoFillReason,
  type ParamValue,
  type Upstream,
  type UpstreamCall,
} from './upstream.js'
export { UpstreamStatusError } from './upstream-status-error.js'
