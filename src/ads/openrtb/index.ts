export { type AuctionValues, cpmMicros, cpmText, fillAuctionMacros } from './auction-macros.js'
export { type NoticeOptions, type NoticeStats, Notices } from './notices.js'
export {
  OpenRtbUpstream,
  type OpenRtbUpstreamOptions,
  type RtbAd,
  type RtbFill,
  type RtbNoFill,
  type RtbResult,
} from './openrtb-upstream.js'
export { type Bid, type BidRequest, type Imp, LOSS, type LossReason } from './types.js'
