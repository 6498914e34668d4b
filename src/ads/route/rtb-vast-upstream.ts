import { fillAuctionMacros, LOSS, type OpenRtbUpstream, type RtbFill } from '../openrtb/index.js'
import { BaseUpstream, type NoFill, type UpstreamCall } from '../upstream/index.js'
import { parseVast, type VastDocument, VastParseError } from '../vast/index.js'
import type { SourceFill } from './slot-upstream.js'

/**
 * A bidder whose markup is VAST (OpenRTB 2.6 §4.2.3, mtype 2). A bid with another one loses. The win notice goes out when the ad is handed on; the
 * billing notice stands in the VAST as one more `<Impression>`, since it is due when the ad is seen.
 */
export class RtbVastUpstream extends BaseUpstream<SourceFill | NoFill> {
  readonly isIdempotent = false
  readonly #bidder: OpenRtbUpstream

  constructor(bidder: OpenRtbUpstream) {
    super()
    this.#bidder = bidder
  }

  get name(): string {
    return this.#bidder.name
  }

  async request(call: UpstreamCall = {}): Promise<SourceFill | NoFill> {
    const result = await this.#bidder.request(call)
    if (result.kind === 'no-fill') return result
    const document = read(result)
    if (document === null || document.ads.length === 0) {
      this.#bidder.lose(result, LOSS.invalidBid, call.context)
      return { kind: 'no-fill', reason: 'no-bid' }
    }
    const { context } = call
    const { burl } = result.ad.bid
    const bill = burl === undefined || burl === '' ? [] : [fillAuctionMacros(burl, result.values)]
    return {
      kind: 'fill',
      document,
      impressions: bill,
      terms: { ...result.terms, expiryMs: result.ad.expiryMs },
      bid: {
        cpmMicros: Number(result.ad.cpmMicros),
        refuse: () => this.#bidder.lose(result, LOSS.lostToHigherBid, context),
      },
      decided: (isServed) =>
        isServed ? this.#bidder.win(result, context) : this.#bidder.lose(result, LOSS.internalError, context),
    }
  }

  close(): Promise<void> {
    return this.#bidder.close()
  }

  healthCheck(): Promise<boolean> {
    return this.#bidder.healthCheck()
  }
}

function read({ ad }: RtbFill): VastDocument | null {
  try {
    return parseVast(ad.adm)
  } catch (error) {
    if (error instanceof VastParseError) return null
    throw error
  }
}
