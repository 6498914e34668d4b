import { isList, isUnknown, type MacroValue, WITHHELD } from './macro-value.js'

/** Macros of OpenRTB 2.6 §4.4: an unknown one is removed. */
export const AUCTION_MACROS: ReadonlySet<string> = new Set([
  'AUCTION_ID',
  'AUCTION_BID_ID',
  'AUCTION_IMP_ID',
  'AUCTION_SEAT_ID',
  'AUCTION_AD_ID',
  'AUCTION_PRICE',
  'AUCTION_CURRENCY',
  'AUCTION_MBR',
  'AUCTION_LOSS',
  'AUCTION_MIN_TO_WIN',
  'AUCTION_MULTIPLIER',
  'AUCTION_IMP_TS',
  'AUCTION_DISCOUNT_PCT',
  'AUCTION_DISCOUNT_CPM',
])

/** Macros of the consent frameworks: TCF v2, GPP, US Privacy. An unknown one stays, for whoever knows it. */
const CONSENT_MACROS: ReadonlySet<string> = new Set([
  'GDPR',
  'GDPR_CONSENT',
  'GPP_STRING',
  'GPP_SID',
  'US_PRIVACY',
])

/** `${GDPR_CONSENT_755}`: the number of the vendor that is called (TCF v2, "full macro"; vendor ids have 16 bits). */
const FOR_VENDOR = /^(GDPR_CONSENT|GPP_STRING)_([1-9]\d{0,4})$/
const MAX_VENDOR_ID = 65535

/**
 * The name under which the value of a `${…}` macro is given, or null if the macro is of no family that we know.
 * A macro for a vendor is ours only if its vendor id is valid.
 */
export function braceValueName(name: string): string | null {
  if (AUCTION_MACROS.has(name) || CONSENT_MACROS.has(name)) return name
  const match = FOR_VENDOR.exec(name)
  if (match === null || Number(match[2]) > MAX_VENDOR_ID) return null
  return match[1] ?? null
}

/**
 * What an auction macro becomes before it is encoded for where it stands. `:B64` is base64; a value in an encoding that we do not
 * have must not go out in plain, so it is removed.
 */
export function auctionText(value: MacroValue, modifier: string | undefined): string {
  if (isUnknown(value) || value === WITHHELD) return ''
  const text = isList(value) ? value.join(',') : String(value)
  if (modifier === undefined) return text
  return modifier === 'B64' ? Buffer.from(text, 'utf8').toString('base64') : ''
}

const IN_MARKUP = /\$\{(AUCTION_[A-Z_]{1,32})(?::([A-Za-z0-9]{1,16}))?\}/g

/**
 * OpenRTB's `${AUCTION_…}` macros in markup (`adm`), written as they are: substitution is "without regard for syntax" there (OpenRTB 2.6
 * §4.4). In a URL use `substituteMacros`, which encodes. Everything else in the markup stays.
 */
export function substituteAuctionMacros(
  markup: string,
  values: Readonly<Record<string, MacroValue>>,
): string {
  return markup.replace(IN_MARKUP, (raw, name: string, modifier: string | undefined) =>
    AUCTION_MACROS.has(name) ? auctionText(values[name], modifier?.toUpperCase()) : raw,
  )
}
