import { priceOfCpmMicros } from '../../money/index.js'
import { GatewayError } from '../../session/errors.js'
import type { SessionContext } from '../../session/session-context.js'
import { now } from '../../time/index.js'
import { type AdLogger, SILENT } from '../context/ad-logger.js'
import { checkContext } from '../context/stale-context.js'
import { substituteAuctionMacros } from '../macros/index.js'
import {
  type AdRef,
  BaseUpstream,
  type Fill,
  type NoFill,
  type Transport,
  type UpstreamCall,
  UpstreamStatusError,
} from '../upstream/index.js'
import { type AuctionValues, auctionMacros, cpmText, fillAuctionMacros } from './auction-macros.js'
import { bidRequest } from './bid-request.js'
import { type Auction, type Offer, readBidResponse } from './bid-response.js'
import { type NoticeOptions, Notices } from './notices.js'
import { type Bid, type BidRequest, LOSS, type LossReason } from './types.js'

export interface OpenRtbUpstreamOptions {
  readonly transport: Transport
  /** Of the bidder. A call may name another one. */
  readonly endpoint?: string
  /** What all requests have in common: `imp`, `site` or `app`, and so on. */
  readonly template?: BidRequest
  /** Longest that a bidder may take when nobody has a deadline. Default 300 ms. */
  readonly tmaxMs?: number
  /** Taken off what is left, for the way there and back, before it is told to the bidder as `tmax`. Default 20 ms. */
  readonly networkMs?: number
  /** Currency that is asked for. Default USD. */
  readonly currency?: string
  readonly name?: string
  readonly logger?: AdLogger
  readonly notices?: NoticeOptions
}

export interface RtbAd extends AdRef {
  readonly bid: Bid
  readonly seat: string
  /** CPM in micros of `currency`; one impression costs a thousandth (C-08). */
  readonly cpmMicros: bigint
  readonly currency: string
  /** Markup with the auction's macros filled in; '' when the bid has none. */
  readonly adm: string
  readonly impId: string
  /** How long the impression may come, ms; null: not said. */
  readonly expiryMs: number | null
}

export interface RtbFill extends Fill<RtbAd> {
  /** For notices: what macros stand for. */
  readonly values: AuctionValues
}

export interface RtbNoFill extends NoFill {
  /** No-bid reason code, when the bidder gave one. */
  readonly nbr: number | null
}

export type RtbResult = RtbFill | RtbNoFill

/**
 * Asks an OpenRTB 2.6 bidder over HTTP (ads.md §5 rank 8). 204, an empty body, `{}` and an empty `seatbid` are no-bids, not errors. The best bid at or
 * above the floor wins; the losers are told why. {@link OpenRtbUpstream.win} and {@link OpenRtbUpstream.bill} are the caller's to call:
 * a bill when the impression was seen (§4.2.3). Never retried but where nothing was sent.
 */
export class OpenRtbUpstream extends BaseUpstream<RtbResult> {
  readonly name: string
  readonly isIdempotent = false
  readonly notices: Notices
  readonly #options: OpenRtbUpstreamOptions

  constructor(options: OpenRtbUpstreamOptions) {
    super()
    this.#options = options
    this.name = options.name ?? 'openrtb'
    this.notices = new Notices(options.transport, options.logger ?? SILENT, options.notices)
  }

  /** @throws GatewayError when there was no answer in time or none that could be read, UpstreamStatusError */
  async request(call: UpstreamCall = {}): Promise<RtbResult> {
    const { transport, template = {}, tmaxMs = 300, networkMs = 20, currency = 'USD' } = this.#options
    const { context } = call
    checkContext(context)
    const timeoutMs = call.deadlineMs === undefined ? tmaxMs : Math.min(tmaxMs, call.deadlineMs - now())
    const tmax = Math.floor(timeoutMs - networkMs)
    if (tmax <= 0) throw noTimeLeft()
    const request = bidRequest(template, call, tmax, currency)
    const { status, body } = await transport.send({
      url: this.#endpoint(call),
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-openrtb-version': '2.6', ...call.headers },
      body: JSON.stringify(request),
      timeoutMs,
      ...(context === undefined ? {} : { context }),
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    })
    if (status === 204) return noBid(null)
    if (status !== 200) throw new UpstreamStatusError(status, this.name)
    const auction = readBidResponse(new TextDecoder().decode(body), request)
    if (auction.kind === 'no-bid') return noBid(auction.nbr)
    if (auction.kind === 'invalid') throw unreadable(auction.problem)
    return this.#decide(auction, request.id, context)
  }

  /** Tells the bidder that its bid has won (`nurl`). Markup that only comes with the notice is not fetched. */
  win(fill: RtbFill, context?: SessionContext): void {
    this.#notify(fill.ad.bid.nurl, fill.values, context)
  }

  /** Tells the bidder that the impression is billable (`burl`): when the impression event came. */
  bill(fill: RtbFill, context?: SessionContext): void {
    this.#notify(fill.ad.bid.burl, fill.values, context)
  }

  /** Tells the bidder that its bid has lost after all (`lurl`). */
  lose(fill: RtbFill, reason: LossReason, context?: SessionContext): void {
    this.#notify(fill.ad.bid.lurl, { ...fill.values, LOSS: String(reason) }, context)
  }

  async close(): Promise<void> {
    await this.notices.drained()
    await this.#options.transport.close()
  }

  healthCheck(): Promise<boolean> {
    return this.#options.transport.healthCheck()
  }

  #endpoint(call: UpstreamCall): string {
    const endpoint = call.endpoint ?? this.#options.endpoint
    if (endpoint === undefined) throw new TypeError(`upstream '${this.name}' has no endpoint`)
    return endpoint
  }

  #decide(
    auction: Extract<Auction, { kind: 'bids' }>,
    auctionId: string,
    context: SessionContext | undefined,
  ) {
    const [best, ...others] = auction.offers
    const valuesOf = ({ bid, seat, cpmMicros }: Offer): AuctionValues => ({
      ID: auctionId,
      BID_ID: auction.bidId,
      IMP_ID: bid.impid,
      SEAT_ID: seat,
      AD_ID: bid.adid ?? '',
      PRICE: cpmText(cpmMicros),
      CURRENCY: auction.currency,
    })
    const tell = (offers: readonly Offer[], reason: LossReason): void => {
      for (const offer of offers) {
        this.#notify(offer.bid.lurl, { ...valuesOf(offer), LOSS: String(reason) }, context)
      }
    }
    tell(auction.belowFloor, LOSS.belowFloor)
    if (best === undefined) return noBid(null)
    tell(others, LOSS.lostToHigherBid)
    return fillOf(best, valuesOf(best), auction.currency)
  }

  #notify(url: string | undefined, values: AuctionValues, context: SessionContext | undefined): void {
    if (url !== undefined && url !== '') this.notices.send(fillAuctionMacros(url, values), context)
  }
}

function fillOf({ bid, seat, cpmMicros }: Offer, values: AuctionValues, currency: string): RtbFill {
  const expiryMs = typeof bid.exp === 'number' && bid.exp > 0 ? bid.exp * 1000 : null
  return {
    kind: 'fill',
    ad: {
      id: bid.adid ?? bid.crid ?? bid.id,
      bid,
      seat,
      cpmMicros,
      currency,
      adm: substituteAuctionMacros(bid.adm ?? '', auctionMacros(values)),
      impId: bid.impid,
      expiryMs,
    },
    terms: { price: priceOfCpmMicros(cpmMicros, currency), expiryMs },
    values,
  }
}

function noBid(nbr: number | null): RtbNoFill {
  return { kind: 'no-fill', reason: 'no-bid', nbr }
}

function noTimeLeft(): GatewayError {
  return new GatewayError('no time is left to ask the bidder', {
    code: 'HG_TIMEOUT',
    status: 504,
    reason: 'http_response_timeout',
    source: 'internal',
  })
}

function unreadable(problem: string): GatewayError {
  return new GatewayError(`the bid response is invalid: ${problem}`, {
    code: 'HG_INVALID_RESPONSE',
    status: 502,
    reason: 'http_protocol_error',
    source: 'upstream',
  })
}
