import type { SessionContext } from '../../session/session-context.js'
import { type ExpandOptions, MacroEngine } from './macro-engine.js'
import type { MacroValues } from './macro-value.js'

export interface SubstituteOptions extends Omit<ExpandOptions, 'values'> {
  /** Default `iab` (D1). */
  readonly profile?: 'iab' | 'seed'
}

const engines = { iab: new MacroEngine(), seed: new MacroEngine({ profile: 'seed' }) } as const

/**
 * The URL with its macros replaced, every occurrence (B-24…B-29).
 * @param context without one the URL comes back unchanged (B-22)
 * @param values of custom macros, or of those on the IAB's list, by name: values or functions that give them
 */
export function substituteMacros(
  url: string,
  context: SessionContext | undefined,
  values?: MacroValues,
  options: SubstituteOptions = {},
): string {
  if (context === undefined) return url
  return engines[options.profile ?? 'iab'].expand(url, context, { ...options, values })
}
