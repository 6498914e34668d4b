export {
  type CompressOptions,
  compressOptions,
  createCompressFilter,
  createDecompressFilter,
  type DecompressOptions,
  decompressOptions,
} from './coding/index.js'
export { applyHeaderEdits, editHeaderBlock, type HeaderEdits } from './header-edits.js'
export { createHeadersFilter, type HeadersOptions, headersOptions } from './headers-filter.js'
export { checkFilter, FilterLoadError, loadFilter } from './load-filter.js'
export { createRateLimitFilter, type RateLimitOptions, rateLimitOptions } from './rate-limit-filter.js'
export { createRequestIdFilter, type RequestIdOptions, requestIdOptions } from './request-id-filter.js'
