import { cpmMicros } from './auction-macros.js'
import type { Bid, BidRequest } from './types.js'

/** One bid that can be compared with others. */
export interface Offer {
  readonly bid: Bid
  readonly seat: string
  /** CPM in micros of the currency. */
  readonly cpmMicros: bigint
}

/** What a bidder's answer came to. */
export type Auction =
  | { readonly kind: 'no-bid'; readonly nbr: number | null }
  | { readonly kind: 'invalid'; readonly problem: string }
  | {
      readonly kind: 'bids'
      readonly responseId: string
      /** `bidid` of the response. */
      readonly bidId: string
      readonly currency: string
      /** Best first; of equals the one that came first. */
      readonly offers: readonly Offer[]
      /** Bids below the floor of their impression. */
      readonly belowFloor: readonly Offer[]
    }

/**
 * Reads a bid response (OpenRTB 2.6 §4.2). No bid: an empty body, `{}`, no or empty `seatbid`, seats without bids (§7.1), whatever else is
 * in it. Bids that are malformed or for an unknown impression are left out.
 */
export function readBidResponse(text: string, request: BidRequest & { readonly id: string }): Auction {
  if (text.trim() === '') return { kind: 'no-bid', nbr: null }
  let response: unknown
  try {
    response = JSON.parse(text)
  } catch {
    return { kind: 'invalid', problem: 'it is not JSON' }
  }
  if (!isRecord(response)) return { kind: 'invalid', problem: 'it is not an object' }
  const nbr = typeof response['nbr'] === 'number' ? response['nbr'] : null
  const seats = Array.isArray(response['seatbid']) ? response['seatbid'].filter(isRecord) : []
  const bids = seats.flatMap((seat) =>
    (Array.isArray(seat['bid']) ? seat['bid'] : []).map((bid) => [textOf(seat['seat']), bid] as const),
  )
  if (bids.length === 0) return { kind: 'no-bid', nbr }
  if (response['id'] !== request.id) return { kind: 'invalid', problem: 'its id is not that of the request' }
  const currency = textOf(response['cur']) || 'USD'
  const wanted = request['cur']
  if (Array.isArray(wanted) && !wanted.includes(currency))
    return { kind: 'invalid', problem: `the currency ${currency} was not asked for` }
  const floors = new Map(request.imp?.map((imp) => [imp.id, floorOf(imp, currency)] as const))
  const offers: Offer[] = []
  const belowFloor: Offer[] = []
  for (const [seat, bid] of bids) {
    const price = isRecord(bid) ? cpmMicros(bid['price']) : null
    if (price === null || !isBid(bid)) continue
    const floor = floors.get(bid.impid)
    if (floor === undefined) continue
    ;(price >= floor && price > 0n ? offers : belowFloor).push({ bid, seat, cpmMicros: price })
  }
  if (offers.length === 0 && belowFloor.length === 0)
    return { kind: 'invalid', problem: 'no bid of it is valid' }
  offers.sort((a, b) => (a.cpmMicros === b.cpmMicros ? 0 : a.cpmMicros > b.cpmMicros ? -1 : 1))
  const [responseId, bidId] = [textOf(response['id']), textOf(response['bidid'])]
  return { kind: 'bids', responseId, bidId, currency, offers, belowFloor }
}

/** A floor in another currency cannot be compared and so is one that nobody reaches. */
function floorOf(
  imp: { readonly bidfloor?: number; readonly bidfloorcur?: string },
  currency: string,
): bigint {
  const floor = cpmMicros(imp.bidfloor ?? 0) ?? 0n
  return floor > 0n && (imp.bidfloorcur ?? 'USD') !== currency ? BigInt(Number.MAX_SAFE_INTEGER) : floor
}

function isBid(value: unknown): value is Bid {
  if (!isRecord(value) || typeof value['id'] !== 'string' || typeof value['impid'] !== 'string') return false
  return ['adid', 'crid', 'cid', 'adm', 'nurl', 'burl', 'lurl'].every(
    (name) => value[name] === undefined || typeof value[name] === 'string',
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
