import type { Decision } from '../../state/index.js'
import type { AdRef, Fill } from '../upstream/index.js'
import type { CompiledCampaign } from './campaign-policy.js'
import { BudgetExceeded, FrequencyCapExceeded } from './errors.js'
import {
  type DecisionWithRules,
  firstDecision,
  learnedDecision,
  type Reservation,
  withAnswer,
} from './reservation.js'
import type { SessionKeys } from './session-keys.js'

/** How the ads of one answer get their places. */
export interface UnitDeciding {
  readonly campaign: CompiledCampaign
  readonly keys: SessionKeys
  /** Milliseconds since the epoch. */
  readonly clock: () => number
  /** What an ad costs is what the answer says. */
  readonly isPriceOpen: boolean
  /** A reservation as the first, with an id of its own. */
  readonly another: () => Reservation
  /** @throws FrequencyCapExceeded, BudgetExceeded */
  readonly reserve: (decision: DecisionWithRules, unit: Reservation) => Promise<void>
  readonly release: (decisions: readonly Decision[]) => Promise<void>
  /** What was decided for this answer so far: grows, so that whoever called can give all of it back. */
  readonly decisions: Decision[]
}

/** An ad with what it holds. */
export interface ReservedUnit {
  readonly index: number
  readonly ad: AdRef
  readonly reservation: Reservation
}

/**
 * Gives each ad of an answer its own place under caps and budget, in order (C-12): the first that has one takes what was held before the answer was
 * asked for, each more is decided by itself. Those without a place are left out; where the campaign has no place left, so are all behind them.
 * @throws the first refusal when no ad has a place; what the store throws
 */
export async function reserveUnits(
  answer: Fill,
  first: Reservation,
  deciding: UnitDeciding,
): Promise<ReservedUnit[]> {
  const { campaign, keys, clock, isPriceOpen, another, reserve, release, decisions } = deciding
  const units: ReservedUnit[] = []
  let refusal: unknown = null
  for (const [index, ad] of (answer.units ?? [answer.ad]).entries()) {
    const isFirst = units.length === 0
    const base = isFirst ? first : another()
    const own = isFirst ? null : firstDecision(base, campaign, keys, base.decidedAtMs)
    try {
      if (own !== null) {
        await reserve(own, base)
        decisions.push(own.decision)
      }
    } catch (error) {
      if (!isRefusal(error)) throw error
      break
    }
    // A bid is for all that its markup shows: its price is charged once.
    const reservation = withAnswer(
      base,
      { ...answer, ad },
      campaign,
      isPriceOpen && (isFirst || !isBidFor(answer)),
    )
    const learned = learnedDecision(reservation, campaign, keys, clock())
    try {
      if (learned !== null) {
        await reserve(learned, reservation)
        decisions.push(learned.decision)
      }
      units.push({ index, ad, reservation })
    } catch (error) {
      if (!isRefusal(error)) throw error
      refusal ??= error
      if (own !== null) await release(decisions.splice(-1))
    }
  }
  if (units.length === 0) throw refusal
  return units
}

function isBidFor({ terms }: Fill): boolean {
  return terms?.price !== undefined
}

function isRefusal(error: unknown): boolean {
  return error instanceof FrequencyCapExceeded || error instanceof BudgetExceeded
}
