export { adValues } from './ad-values.js'
export type { ChainLimits, ChainOptions, Hop, Resolution } from './chain-types.js'
export { createDestinationGuard, type DestinationGuardOptions } from './destination-guard.js'
export { type Device, deviceHeaders } from './device.js'
export { type ErrorPixelOptions, ErrorPixels, type PixelContext } from './error-pixels.js'
export { injectTrackers, type Trackers } from './inject-trackers.js'
export { type NoFillOptions, noFillVast, type WrapperOptions, wrapperVast } from './make-vast.js'
export type {
  Category,
  Companion,
  CompanionAds,
  Creative,
  Icon,
  Linear,
  Link,
  MediaFile,
  NonLinear,
  NonLinearAds,
  Resources,
  TrackingEvent,
  VastAd,
  VastDocument,
  VastInLine,
  VastWrapper,
  Verification,
} from './model.js'
export type { XmlLimits } from './parse-xml.js'
export { parseVast, readVast } from './read-vast.js'
export { resolveChain } from './resolve-chain.js'
export { serializeXml } from './serialize-xml.js'
export { VastParseError } from './vast-parse-error.js'
export { expiryOf, type VastFill, type VastNoFill, type VastResult, withAds } from './vast-result.js'
export { type VastCall, VastUpstream, type VastUpstreamOptions } from './vast-upstream.js'
export { cdataElement, type XmlContent, XmlElement, type XmlNode } from './xml-node.js'
