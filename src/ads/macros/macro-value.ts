import type { SessionContext } from '../../session/session-context.js'
import { encodeRfc3986 } from './encode.js'

/** Known, but not to be shared: becomes `-2` (VAST 4.3 §6.1). */
export const WITHHELD: unique symbol = Symbol('headgate.withheld')

/** Booleans become 1 and 0. */
export type MacroScalar = string | number | bigint | boolean

/**
 * An array's elements are encoded one by one and joined with a bare comma. `null`, `undefined`, NaN, an empty array, and for macros
 * of the IAB an empty text, mean that the value is not known.
 */
export type MacroValue = MacroScalar | readonly MacroScalar[] | typeof WITHHELD | null | undefined

/** Gives a value when a URL needs it: asked at most once per URL. What it throws reaches the caller. */
export type MacroProvider = (name: string, context: SessionContext | undefined) => MacroValue

/** Values by macro name, without brackets. */
export type MacroValues = Readonly<Record<string, MacroValue | MacroProvider>>

/** How a value is written: percent-encoded, `encodings` times. */
export function writeValue(value: MacroScalar | readonly MacroScalar[], encodings: number): string {
  if (!isList(value)) return encodeTimes(scalar(value), encodings)
  let text = ''
  for (const [index, element] of value.entries()) {
    text += (index === 0 ? '' : ',') + encodeTimes(scalar(element), Math.min(encodings, 1))
  }
  return encodings > 1 ? encodeTimes(text, encodings - 1) : text
}

/** Whether there is nothing to write. */
export function isUnknown(value: MacroValue): value is null | undefined {
  if (value === null || value === undefined) return true
  if (typeof value === 'number') return !Number.isFinite(value)
  return isList(value) && value.length === 0
}

/** Whether it is an array. */
export function isList(value: MacroValue): value is readonly MacroScalar[] {
  return Array.isArray(value)
}

function scalar(value: MacroScalar): string {
  return typeof value === 'boolean' ? (value ? '1' : '0') : String(value)
}

function encodeTimes(text: string, times: number): string {
  let encoded = text
  for (let i = 0; i < times; i += 1) encoded = encodeRfc3986(encoded)
  return encoded
}
