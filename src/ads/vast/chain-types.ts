import type { SessionContext } from '../../session/session-context.js'
import type { ExpandOptions, MacroEngine } from '../macros/index.js'
import type { DestinationGuard, Transport } from '../upstream/index.js'
import type { VastAd, VastInLine } from './model.js'
import type { XmlLimits } from './parse-xml.js'

export interface ChainLimits extends XmlLimits {
  /** Wrappers in a row. Default 5 (VAST 4.3 §2.4.3.4 recommends it). */
  readonly maxWrappers?: number
  /** For one document, redirects included. Default 3000. */
  readonly hopTimeoutMs?: number
  /** For all of them together. Default 10,000. */
  readonly totalTimeoutMs?: number
  /** Ads of one document that are looked at. Default 10. */
  readonly maxAds?: number
  /** Documents that are fetched for one request, over all its ads. Default 20. */
  readonly maxRequests?: number
}

export const CHAIN_DEFAULTS = {
  maxWrappers: 5,
  hopTimeoutMs: 3000,
  totalTimeoutMs: 10_000,
  maxAds: 10,
  maxRequests: 20,
} as const

export interface ChainOptions extends ChainLimits, Pick<ExpandOptions, 'values' | 'withheld'> {
  readonly transport: Transport
  /** Default: one of profile `iab`. */
  readonly macros?: MacroEngine
  /** Without one, URLs go out as they stand (B-22). Its cookies and correlation fields travel with every hop (C-21). */
  readonly context?: SessionContext | undefined
  /** Asked for every wrapper's URL before it is requested. A transport with sockets must ask for addresses too. */
  readonly guard?: DestinationGuard | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly signal?: AbortSignal | undefined
  /** Other URLs of the document at hand: a wrapper that leads to one of them is a loop. */
  readonly visited?: readonly string[] | undefined
  /** Told of every error code and the `<Error>` URLs that are to be called with it, and of the ad that they belong to: none for a document's own. */
  readonly onError?: ((urls: readonly string[], code: number, ad: VastAd | null) => void) | undefined
}

/** One document of a chain that was asked for. */
export interface Hop {
  /** As requested, macros replaced. */
  readonly url: string
  /** 1 for the first wrapper's. */
  readonly depth: number
  /** `null` when there was no answer. */
  readonly status: number | null
  readonly durationMs: number
  /** VAST error code, or null. */
  readonly code: number | null
}

/** What became of a document. */
export interface Resolution {
  /** Pods in their order, then what stands alone; wrappers are merged in. */
  readonly ads: readonly VastInLine[]
  /** Code of the first failure when there is no ad, else null. */
  readonly code: number | null
  readonly hops: readonly Hop[]
  /** The highest version of the documents that the ads are from; null when none says. */
  readonly version: string | null
  /** Whether a stand-alone ad took the place of one that failed. */
  readonly usedFallback: boolean
}
