import { fillAuctionMacros, LOSS, type OpenRtbUpstream, type RtbFill } from '../openrtb/index.js'
import { BaseUpstream, type UpstreamCall } from '../upstream/index.js'
import {
  expiryOf,
  injectTrackers,
  parseVast,
  serializeXml,
  type VastDocument,
  VastParseError,
} from '../vast/index.js'
import type { RouteResult } from './ad-source.js'
import { forFirstAd } from './first-ad.js'

/**
 * A bidder whose markup is VAST (OpenRTB 2.6 §4.2.3, mtype 2). A bid with another one loses. The win notice goes out when the ad is handed on; the
 * billing notice stands in the VAST as one more `<Impression>`, since it is due when the ad is seen.
 */
export class RtbVastUpstream extends BaseUpstream<RouteResult> {
  readonly isIdempotent = false
  readonly #bidder: OpenRtbUpstream

  constructor(bidder: OpenRtbUpstream) {
    super()
    this.#bidder = bidder
  }

  get name(): string {
    return this.#bidder.name
  }

  async request(call: UpstreamCall = {}): Promise<RouteResult> {
    const result = await this.#bidder.request(call)
    if (result.kind === 'no-fill') return result
    const document = read(result)
    const first = document?.ads[0]
    if (document === null || first === undefined) {
      this.#bidder.lose(result, LOSS.invalidBid, call.context)
      return { kind: 'no-fill', reason: 'no-bid' }
    }
    const { context } = call
    const { burl } = result.ad.bid
    const bill = burl === undefined || burl === '' ? [] : [fillAuctionMacros(burl, result.values)]
    return {
      kind: 'fill',
      ad: { id: result.ad.id },
      terms: { ...result.terms, expiryMs: soonest(result.ad.expiryMs, expiryOf(first)) },
      bid: {
        cpmMicros: Number(result.ad.cpmMicros),
        refuse: () => this.#bidder.lose(result, LOSS.lostToHigherBid, context),
      },
      decided: (isServed) =>
        isServed ? this.#bidder.win(result, context) : this.#bidder.lose(result, LOSS.internalError, context),
      toXml: (trackers = {}) => {
        const all = { ...trackers, impressions: [...(trackers.impressions ?? []), ...bill] }
        return serializeXml(injectTrackers(document, forFirstAd(all)).root)
      },
    }
  }

  close(): Promise<void> {
    return this.#bidder.close()
  }

  healthCheck(): Promise<boolean> {
    return this.#bidder.healthCheck()
  }
}

function soonest(oneMs: number | null, otherMs: number | null): number | null {
  return oneMs === null || otherMs === null ? (oneMs ?? otherMs) : Math.min(oneMs, otherMs)
}

function read({ ad }: RtbFill): VastDocument | null {
  try {
    return parseVast(ad.adm)
  } catch (error) {
    if (error instanceof VastParseError) return null
    throw error
  }
}
