export { type CacheControl, NO_DIRECTIVES, parseCacheControl, type Scope } from './cache-control.js'
export {
  cacheKey,
  type KeyParts,
  type KeyRules,
  keyUrl,
  PLAIN_KEY,
  type QueryRule,
  URL_END,
  urlTag,
  variantKey,
} from './cache-key.js'
export { type CacheStatus, cacheStatus, type ForwardReason } from './cache-status.js'
export { isNotModified, notModifiedBlock, validators } from './conditional.js'
export {
  ageS,
  decodeMeta,
  type EntryMeta,
  encodeMeta,
  entryHead,
  FLAG_FOR_AUTHORIZED,
  FLAG_IMMUTABLE,
  FLAG_MUST_REVALIDATE,
  FLAG_NO_CACHE,
  FLAG_SHARED_AGE,
  FLAG_VARY,
  varyHead,
} from './entry-meta.js'
export { BlockFields, withoutLines } from './field-block.js'
export type { Fields } from './fields.js'
export {
  type Arrival,
  type FreshnessRules,
  freshnessLifetime,
  HEURISTIC_STATUSES,
  initialAgeMs,
  type Lifetime,
  type StaleWindows,
  staleWindows,
} from './freshness.js'
export { formatHttpDate, parseHttpDate } from './http-date.js'
export { invalidatedUrls, isUnsafe } from './invalidation.js'
export {
  type ByteRange,
  ifRangeHolds,
  type Piece,
  parseRange,
  partialContent,
  type RangeAnswer,
  type RangeRequest,
  unsatisfiable,
} from './range.js'
export { matchesHead, mergedBlock, type Refreshed, refreshedHead, selects } from './refresh.js'
export { requestScheme } from './request-url.js'
export {
  isErrorStatus,
  mayServeOnError,
  requestControl,
  suitsAuthorization,
  type Verdict,
  verdict,
} from './reuse.js'
export {
  type NotStored,
  type StoreDecision,
  type StorePlan,
  type StoreRequest,
  type StoreRules,
  storeDecision,
} from './storable.js'
export { surrogateTags } from './surrogate-tags.js'
export { parseTargeted, type ResponseControl, responseControl } from './targeted.js'
export { bypassReason, isUnkeyed, SELECTIVE } from './upstream-request.js'
export { usableVary, type VaryRules, variance, varyNames } from './vary.js'
