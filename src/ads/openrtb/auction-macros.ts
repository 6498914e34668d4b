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

const MACRO = /\$\{AUCTION_([A-Z_]+)(?::([A-Z0-9]+))?\}/g

/**
 * Fills in the macros of a notice URL or of markup, in one pass: no value is looked at again. Unknown ones leave nothing, unlike those of VAST
 * (§4.4). `:B64` asks for base64.
 * @param encode how a value is written; default for a URL, RFC 3986
 */
export function fillAuctionMacros(
  text: string,
  values: AuctionValues,
  encode: (value: string) => string = encodeRfc3986,
): string {
  return text.replace(MACRO, (_, name: string, encoding: string | undefined) => {
    const value = Object.hasOwn(values, name) ? (values[name as keyof AuctionValues] ?? '') : ''
    return encode(encoding === 'B64' ? Buffer.from(value).toString('base64') : value)
  })
}

function encodeRfc3986(value: string): string {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
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
