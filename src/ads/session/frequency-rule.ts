import type { CapWindow } from '../../state/index.js'
import { CALENDAR_UNITS, Calendar, type CalendarUnit } from './calendar.js'

/** What an event can be counted by (C-11). */
export const DIMENSIONS = [
  'user',
  'campaign',
  'advertiser',
  'lineItem',
  'ad',
  'category',
  'placement',
  'pod',
  'stream',
] as const

export type Dimension = (typeof DIMENSIONS)[number]

/** What is known of a request, by dimension. Without `user`, rules per user do not apply. */
export type Subject = Readonly<Partial<Record<Dimension, string>>>

/** Events that rules can count. */
export const CAP_EVENTS = ['impression', 'click', 'complete'] as const

export type CapEvent = (typeof CAP_EVENTS)[number]

export type RuleWindow =
  /** From the first event on; later ones do not lengthen it. */
  | { readonly kind: 'fixed'; readonly seconds: number }
  /** The last so many seconds, at any time. */
  | { readonly kind: 'rolling'; readonly seconds: number }
  /** Midnight to midnight and the like, in a time zone of the IANA database. Default `UTC`. */
  | { readonly kind: 'calendar'; readonly unit: CalendarUnit; readonly timeZone?: string }
  /** Ten years, for the key must end some day. */
  | { readonly kind: 'lifetime' }

/** How often something may happen. All rules of a campaign hold at once; the tightest decides. */
export interface FrequencyRule {
  /** 1 to 10,000 (of a rolling window 1,000). */
  readonly max: number
  readonly window: RuleWindow
  /** Counted together by these. Default `['user', 'campaign']`. */
  readonly per?: readonly Dimension[]
  /** Impressions are reserved at the decision. Of clicks and completions only what was counted is looked at. Default `impression`. */
  readonly event?: CapEvent
  /** In keys and errors. Default: from dimensions, event and window; a change of those then starts a new count. */
  readonly name?: string
}

/** A rule that was checked, ready for use. */
export interface CompiledRule {
  readonly name: string
  readonly max: number
  readonly per: readonly Dimension[]
  readonly event: CapEvent
  windowAt(nowMs: number): CapWindow
}

const DEFAULT_PER: readonly Dimension[] = ['user', 'campaign']
const MAX = 10_000
const MAX_ROLLING = 1000
const LIFETIME_S = 10 * 365 * 24 * 3600
const NAME = /^[A-Za-z0-9_.-]{1,40}$/

/** The rule of `frequencyCap` and `frequencyWindow` has no name: its key is the seed's, `freq:{user}:{campaign}` (D5). */
export function defaultRule(max: number, windowSeconds: number): CompiledRule {
  return compile({ max, window: { kind: 'fixed', seconds: windowSeconds } }, '')
}

/** @throws TypeError or RangeError that says what is wrong with the rule */
export function compileRule(rule: FrequencyRule): CompiledRule {
  if (rule.name !== undefined && !NAME.test(rule.name)) {
    throw new TypeError(`'${rule.name}' is no name of a rule: 1 to 40 of A–Z a–z 0–9 _ . -`)
  }
  return compile(rule, rule.name ?? derivedName(rule))
}

function compile(rule: FrequencyRule, name: string): CompiledRule {
  const { max, window, per = DEFAULT_PER, event = 'impression' } = rule
  const most = window.kind === 'rolling' ? MAX_ROLLING : MAX
  if (!Number.isInteger(max) || max < 0 || max > most) {
    throw new RangeError(`a cap must be a whole number from 0 to ${most}, not ${String(max)}`)
  }
  if (!CAP_EVENTS.includes(event)) throw new TypeError(`'${String(event)}' is no event of a cap`)
  if (per.length === 0) throw new TypeError('a rule must count per something')
  for (const dimension of per) {
    if (!DIMENSIONS.includes(dimension))
      throw new TypeError(`'${String(dimension)}' is no dimension of a cap`)
  }
  return { name, max, per, event, windowAt: windowMaker(window) }
}

function windowMaker(window: RuleWindow): (nowMs: number) => CapWindow {
  if (window.kind === 'calendar') {
    if (!CALENDAR_UNITS.includes(window.unit))
      throw new TypeError(`'${String(window.unit)}' is no unit of a calendar`)
    const calendar = new Calendar(window.unit, window.timeZone)
    return (nowMs) => ({ kind: 'calendar', ...calendar.bucketAt(nowMs) })
  }
  const seconds = window.kind === 'lifetime' ? LIFETIME_S : window.seconds
  if (!Number.isFinite(seconds) || seconds < 0.001 || seconds > LIFETIME_S) {
    throw new RangeError(`a window must be from 0.001 to ${LIFETIME_S} seconds, not ${String(seconds)}`)
  }
  const kind = window.kind === 'rolling' ? 'rolling' : 'fixed'
  const fixed: CapWindow = { kind, windowMs: Math.round(seconds * 1000) }
  return () => fixed
}

function derivedName({ window, event = 'impression' }: FrequencyRule): string {
  const suffix = event === 'impression' ? '' : `.${event}`
  switch (window.kind) {
    case 'calendar':
      return `${window.unit}${suffix}`
    case 'lifetime':
      return `lifetime${suffix}`
    case 'fixed':
      return `${String(window.seconds)}s${suffix}`
    case 'rolling':
      return `last${String(window.seconds)}s${suffix}`
  }
}
