import { randomInt } from 'node:crypto'
import type { SessionContext } from '../../session/session-context.js'
import { AUCTION_MACROS, auctionText, braceValueName } from './brace-macros.js'
import { belongsTo, type MacroPlace } from './macro-table.js'
import type { MacroSlot, MacroTemplate } from './macro-template.js'
import { isUnknown, type MacroValue, type MacroValues, WITHHELD, writeValue } from './macro-value.js'
import { isoTimestamp } from './timestamp.js'

/** Everything that decides what a macro becomes. */
export interface MacroScope {
  readonly context?: SessionContext | undefined
  /** Looked at first. */
  readonly values?: MacroValues | undefined
  /** Looked at next: what is registered for all URLs. */
  readonly custom?: MacroValues | undefined
  readonly place: MacroPlace
  readonly profile: 'iab' | 'seed'
  /** Names that become `-2` whatever their value. */
  readonly withheld?: ReadonlySet<string> | undefined
  readonly unknown: 'mark' | 'leave'
  /** When the URL is accessed, ms since the epoch. */
  readonly nowMs: number
  /** Values are written as they are: for text that is encoded as a whole afterwards. */
  readonly plain?: boolean
}

/** What a required macro becomes when its value is not given: 900 undefined error, 2 not supported, 1 limited. */
const REQUIRED_DEFAULTS: ReadonlyMap<string, string> = new Map([
  ['ERRORCODE', '900'],
  ['REASON', '2'],
  ['LIMITADTRACKING', '1'],
])

/** Puts the values in, in one pass. */
export function expandTemplate(template: MacroTemplate, scope: MacroScope): string {
  const { literals, slots } = template
  let text = literals[0] ?? ''
  if (slots.length === 0) return text
  const memo = new Memo(scope)
  for (let i = 0; i < slots.length; i += 1) {
    const slot = slots[i]
    if (slot !== undefined) text += slot.family === 'brace' ? brace(slot, memo) : vast(slot, memo)
    text += literals[i + 1] ?? ''
  }
  return text
}

function vast(slot: MacroSlot, memo: Memo): string {
  const { scope } = memo
  const { name, info } = slot
  if (info !== undefined && !belongsTo(info, scope.place)) return slot.raw
  const given = memo.value(name)
  const encodings = scope.plain === true ? 0 : slot.encodings
  const withheld = given === WITHHELD || scope.withheld?.has(name) === true
  if (!withheld && !isUnknown(given) && !(given === '' && info !== undefined)) {
    return writeValue(given, encodings)
  }
  const required = info?.support === 'required'
  const own = memo.own(name)
  if (withheld && !required) {
    return info === undefined && given === undefined && own === undefined ? slot.raw : '-2'
  }
  if (own !== undefined) return writeValue(own, encodings)
  if (info === undefined || scope.unknown === 'leave') return slot.raw
  return required ? (REQUIRED_DEFAULTS.get(name) ?? slot.raw) : '-1'
}

function brace(slot: MacroSlot, memo: Memo): string {
  const valueName = braceValueName(slot.name)
  if (valueName === null) return slot.raw
  const encodings = memo.scope.plain === true ? 0 : slot.encodings
  const value = memo.scope.withheld?.has(valueName) === true ? WITHHELD : memo.value(valueName)
  if (AUCTION_MACROS.has(valueName)) {
    if (value === undefined && memo.scope.unknown === 'leave') return slot.raw
    return writeValue(auctionText(value, slot.modifier), encodings)
  }
  return isUnknown(value) || value === WITHHELD ? slot.raw : writeValue(value, encodings)
}

/** The values of one URL: what is made or asked for is made or asked for once. */
class Memo {
  readonly scope: MacroScope
  private cacheBuster: number | undefined
  private asked: Map<string, MacroValue> | undefined

  constructor(scope: MacroScope) {
    this.scope = scope
  }

  /** As it was given. Names are upper case, and no such name is on a prototype. */
  value(name: string): MacroValue {
    const { values, custom, context } = this.scope
    const found = values?.[name] ?? custom?.[name]
    if (typeof found !== 'function') return found
    if (this.asked?.has(name)) return this.asked.get(name)
    const value = found(name, context)
    this.asked ??= new Map()
    this.asked.set(name, value)
    return value
  }

  /** What the gateway knows by itself. */
  own(name: string): string | number | undefined {
    const { context, profile, nowMs } = this.scope
    switch (name) {
      case 'CACHEBUSTING':
        if (profile === 'seed' && context !== undefined) return context.cachebusting
        this.cacheBuster ??= randomInt(10_000_000, 100_000_000)
        return this.cacheBuster
      case 'TIMESTAMP':
        return profile === 'seed' && context !== undefined ? context.timestamp : isoTimestamp(nowMs)
      case 'TRANSACTIONID':
      case 'CORRELATOR':
        return context?.correlator
      default:
        return undefined
    }
  }
}
