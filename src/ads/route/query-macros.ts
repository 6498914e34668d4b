import type { QueryMacro } from '../../config/query-macros.js'
import { type MacroValue, type MacroValues, VAST_MACROS, WITHHELD } from '../macros/index.js'

const LONGEST_TEXT = 1024
const LONGEST_ELEMENT = 128
const MOST_ELEMENTS = 32

const INTEGER = /^-?\d{1,9}$/
const NUMBER = /^-?\d{1,9}(?:\.\d{1,12})?$/
const TIMECODE = /^\d{1,3}:[0-5]\d:[0-5]\d(?:\.\d{1,3})?$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
/** Control characters, and what is no character at all. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NO_TEXT = /[\x00-\x1f\x7f-\x9f\ufffd]/

/**
 * Values of macros that a player gives in its query, by the macro's name (ads.md §4.3, type column). A value that is not of the macro's type, or too long
 * (texts of 1,024 characters, lists of 32 elements of 128), counts as not given. `-1` and `-2` mean what they mean in VAST: not known, not to be shared.
 */
export function readQueryMacros(
  query: URLSearchParams,
  fromQuery: Readonly<Record<string, QueryMacro>>,
): MacroValues {
  const values: Record<string, MacroValue> = {}
  for (const [parameter, text] of query) {
    const name = Object.hasOwn(fromQuery, parameter) ? fromQuery[parameter] : undefined
    if (name === undefined || Object.hasOwn(values, name)) continue
    const value = readMacroValue(name, text)
    if (value !== undefined) values[name] = value
  }
  return values
}

/** One value as the type of the macro wants it; undefined: it is none, or not known. */
export function readMacroValue(name: string, text: string): MacroValue {
  if (text === '-2') return WITHHELD
  if (text === '' || text === '-1' || text.length > LONGEST_TEXT || NO_TEXT.test(text)) return undefined
  const type = VAST_MACROS.get(name)?.type ?? 'string'
  if (!type.startsWith('Array')) return isOf(type, text) ? text : undefined
  const elements = text.split(',')
  const element = type.slice('Array<'.length, type.indexOf('>'))
  const isSound =
    elements.length <= MOST_ELEMENTS &&
    elements.every((one) => one !== '' && one.length <= LONGEST_ELEMENT && isOf(element, one))
  if (!isSound || (name === 'LATLONG' && !isPlace(elements))) return undefined
  return elements
}

function isOf(type: string, text: string): boolean {
  switch (type) {
    case 'integer':
      return INTEGER.test(text)
    case 'number':
      return NUMBER.test(text)
    case 'timecode':
      return TIMECODE.test(text)
    case 'UUID':
      return UUID.test(text)
    default:
      return true
  }
}

function isPlace(elements: readonly string[]): boolean {
  const [latitude = 91, longitude = 181] = elements.map(Number)
  return elements.length === 2 && Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180
}

/**
 * The player's `[TRANSACTIONID]`: "subsequent ad requests along the chain must pass the same ID along" (F-16). Undefined where no ids may be used: a
 * player could always send the same one.
 */
export function transactionOf(values: MacroValues, mayUseIds: boolean): string | undefined {
  const { TRANSACTIONID } = values
  return mayUseIds && typeof TRANSACTIONID === 'string' ? TRANSACTIONID.toLowerCase() : undefined
}
