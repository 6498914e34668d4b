/** The parts of OpenRTB 2.6 that are read here; everything else passes through untouched. */
export interface BidRequest {
  readonly id?: string
  readonly imp?: readonly Imp[]
  readonly user?: Record<string, unknown>
  readonly device?: Record<string, unknown>
  readonly regs?: Record<string, unknown>
  readonly source?: Record<string, unknown>
  readonly [field: string]: unknown
}

export interface Imp {
  readonly id: string
  /** CPM. */
  readonly bidfloor?: number
  readonly bidfloorcur?: string
  readonly [field: string]: unknown
}

/** §4.2.3. */
export interface Bid {
  readonly id: string
  readonly impid: string
  /** CPM in the currency of the response. */
  readonly price: number
  readonly adid?: string
  readonly crid?: string
  readonly cid?: string
  readonly adm?: string
  readonly nurl?: string
  readonly burl?: string
  readonly lurl?: string
  readonly mtype?: number
  /** Seconds within which the impression is expected. */
  readonly exp?: number
  readonly [field: string]: unknown
}

/** Loss reasons of List: Loss Reason Codes (AdCOM 1.0) that are used here. */
export const LOSS = {
  internalError: 1,
  expired: 2,
  invalidBid: 3,
  belowFloor: 100,
  lostToHigherBid: 102,
} as const
export type LossReason = (typeof LOSS)[keyof typeof LOSS]
