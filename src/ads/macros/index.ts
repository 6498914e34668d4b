export { substituteAuctionMacros } from './brace-macros.js'
export { encodeRfc3986 } from './encode.js'
export { type ExpandOptions, MacroEngine, type MacroEngineOptions } from './macro-engine.js'
export { type MacroInfo, type MacroPlace, VAST_MACROS } from './macro-table.js'
export {
  type MacroProvider,
  type MacroScalar,
  type MacroValue,
  type MacroValues,
  WITHHELD,
} from './macro-value.js'
export { requestUrl } from './request-url.js'
export { type SubstituteOptions, substituteMacros } from './substitute-macros.js'
