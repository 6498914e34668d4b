export { applyHeaderEdits, editHeaderBlock, type HeaderEdits } from './header-edits.js'
export { createHeadersFilter, type HeadersOptions, headersOptions } from './headers-filter.js'
export { checkFilter, FilterLoadError, loadFilter } from './load-filter.js'
export { createRequestIdFilter, type RequestIdOptions, requestIdOptions } from './request-id-filter.js'
