import type { Price } from '../../money/index.js'
import type { BudgetCheck, CapCheck, Decision } from '../../state/index.js'
import type { Fill } from '../upstream/index.js'
import type { CompiledCampaign } from './campaign-policy.js'
import type { CapEvent, CompiledRule, Dimension, Subject } from './frequency-rule.js'
import { paceAt } from './pacing.js'
import type { SessionKeys } from './session-keys.js'

/** What one served ad holds: everything that its events have to know later, in whatever process they arrive. */
export interface Reservation {
  /** Unique. */
  readonly id: string
  readonly campaignId: string
  readonly subject: Subject
  /** Dimensions that became known with the answer; their rules were decided after it, under an id of their own. */
  readonly learned: readonly Dimension[]
  /** Null: the campaign has no price, so no budget is charged. */
  readonly price: Price | null
  /** The price came with the answer; its budgets were decided after it, together with what was learned. */
  readonly isPriceLearned: boolean
  /** Whole milliseconds. Its day and hour are charged, whenever the impression is reported. */
  readonly decidedAtMs: number
  /** Whether its events may be told to whoever measures (TCF Purpose 7). */
  readonly mayMeasure: boolean
}

/** Ends the id of the decision about what was learned from the answer. */
const LEARNED = '+'

/** Rules whose dimensions are all known. */
function applicable(rules: readonly CompiledRule[], subject: Subject): CompiledRule[] {
  return rules.filter(({ per }) => per.every((dimension) => subject[dimension] !== undefined))
}

function uses(rule: CompiledRule, dimensions: readonly Dimension[]): boolean {
  return rule.per.some((dimension) => dimensions.includes(dimension))
}

export interface DecisionWithRules {
  readonly decision: Decision
  /** As `decision.caps`, for the reasons of refusals. */
  readonly rules: readonly CompiledRule[]
}

/** Nothing is asked of the store. */
export function isEmpty({ caps, budgets }: Decision): boolean {
  return caps.length === 0 && budgets.length === 0
}

/** Before the upstream is asked: what is known by then, and the money. */
export function firstDecision(
  reservation: Reservation,
  campaign: CompiledCampaign,
  keys: SessionKeys,
  nowMs: number,
): DecisionWithRules {
  const { subject, learned, id, isPriceLearned } = reservation
  const rules = applicable(campaign.rules, subject).filter((rule) => !uses(rule, learned))
  const budgets = isPriceLearned ? [] : budgetChecks(reservation, campaign, keys)
  return { decision: { id, caps: capChecks(rules, subject, keys, nowMs), budgets }, rules }
}

/** The reservation with what the answer told: the ad's id, and the price where the campaign takes it from the bid. */
export function withAnswer(
  reservation: Reservation,
  { ad, terms }: Fill,
  campaign: CompiledCampaign,
  isPriceOpen: boolean,
): Reservation {
  const { subject } = reservation
  const known: Reservation =
    subject.ad === undefined
      ? { ...reservation, subject: { ...subject, ad: ad.id }, learned: ['ad'] }
      : reservation
  const price = terms?.price ?? campaign.price
  return isPriceOpen && price !== null ? { ...known, price, isPriceLearned: true } : known
}

/** After the answer: what only the answer told, an ad's id or its price say. Null: no rule and no budget asks for it. */
export function learnedDecision(
  reservation: Reservation,
  campaign: CompiledCampaign,
  keys: SessionKeys,
  nowMs: number,
): DecisionWithRules | null {
  const { subject, learned, id, isPriceLearned } = reservation
  if (learned.length === 0 && !isPriceLearned) return null
  const rules = applicable(campaign.rules, subject).filter((rule) => uses(rule, learned))
  const budgets = isPriceLearned ? budgetChecks(reservation, campaign, keys) : []
  if (rules.length === 0 && budgets.length === 0) return null
  return {
    decision: { id: `${id}${LEARNED}`, caps: capChecks(rules, subject, keys, nowMs), budgets },
    rules,
  }
}

/** For an event other than the impression: rules that count it. Null: none does. */
export function eventDecision(
  { id, subject }: Reservation,
  event: CapEvent,
  campaign: CompiledCampaign,
  keys: SessionKeys,
  nowMs: number,
): Decision | null {
  const rules = applicable(campaign.rules, subject).filter((rule) => rule.event === event)
  if (rules.length === 0) return null
  const caps = capChecks(rules, subject, keys, nowMs).map((cap) => ({ ...cap, mode: 'reserve' as const }))
  return { id: `${id}/${event}`, caps, budgets: [] }
}

export function capChecks(
  rules: readonly CompiledRule[],
  subject: Subject,
  keys: SessionKeys,
  nowMs: number,
): CapCheck[] {
  return rules.map((rule) => ({
    key: keys.frequency(rule, subject),
    max: rule.max,
    window: rule.windowAt(nowMs),
    mode: rule.event === 'impression' ? 'reserve' : 'check',
  }))
}

/** The campaign's whole budget, then those of its day and hour as far as it is paced so. */
export function budgetChecks(
  { campaignId, price, decidedAtMs }: Pick<Reservation, 'campaignId' | 'price' | 'decidedAtMs'>,
  { budget, pacing }: Pick<CompiledCampaign, 'budget' | 'pacing'>,
  keys: SessionKeys,
): BudgetCheck[] {
  if (price === null) return []
  const { amount: cost, currency } = price
  const pace = paceAt(pacing, budget, decidedAtMs)
  const limit = budget?.currency === currency ? budget.toAmount() : null
  const checks: BudgetCheck[] = [
    {
      key: keys.budget(campaignId),
      limitKey: keys.budgetLimit(campaignId),
      limit,
      pace: pace.total,
      cost,
      currency,
      ttlMs: pace.ttlMs,
    },
  ]
  for (const bucket of pace.buckets) {
    checks.push({
      key: keys.budget(campaignId, bucket.name),
      limitKey: null,
      limit: bucket.limit,
      pace: bucket.pace,
      cost,
      currency,
      ttlMs: bucket.ttlMs,
    })
  }
  return checks
}
