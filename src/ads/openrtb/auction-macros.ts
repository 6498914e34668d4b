import { encodeRfc3986, substituteAuctionMacros } from '../macros/index.js'

/** Values for the substitution macros of OpenRTB 2.6 §4.4, by name without `AUCTION_`; absent ones are removed. */
export interface AuctionValues {
  readonly ID?: string
  readonly BID_ID?: string
  readonly IMP_ID?: string
  readonly SEAT_ID?: string
  readonly AD_ID?: string
  /** CPM. */
  readonly PRICE?: string
  readonly CURRENCY?: string
  readonly LOSS?: string
  readonly MIN_TO_WIN?: string
  readonly MBR?: string
  readonly MULTIPLIER?: string
  readonly IMP_TS?: string
}

const MACRO = /\$\{AUCTION_[A-Z_]{1,32}(?::[A-Za-z0-9]{1,16})?\}/g

/**
 * Fills in the macros of a notice URL, each value encoded, in one pass: no value is looked at again. Unknown ones leave nothing, unlike those of VAST
 * (§4.4). All other macros stay: a billing notice may be called by a player, who fills in those of VAST (F-21).
 */
export function fillAuctionMacros(url: string, values: AuctionValues): string {
  const known = auctionMacros(values)
  return url.replace(MACRO, (macro) => {
    const value = substituteAuctionMacros(macro, known)
    return value === macro ? macro : encodeRfc3986(value)
  })
}

/** By their whole names. */
export function auctionMacros(values: AuctionValues): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`AUCTION_${name}`, value]))
}

/** A CPM in micros as the decimal number that macros carry: `1500000n` is `1.5`. */
export function cpmText(cpmMicros: bigint): string {
  const whole = cpmMicros / 1_000_000n
  const rest = (cpmMicros % 1_000_000n).toString().padStart(6, '0').replace(/0+$/, '')
  return rest === '' ? `${whole}` : `${whole}.${rest}`
}

/** A price of JSON in whole micros. Null unless it is a number from 0 up that stays exact. */
export function cpmMicros(price: unknown): bigint | null {
  if (typeof price !== 'number' || !(price >= 0)) return null
  const micros = Math.round(price * 1e6)
  return Number.isSafeInteger(micros) ? BigInt(micros) : null
}
