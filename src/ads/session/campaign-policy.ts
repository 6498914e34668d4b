import { Money, type Price, priceOf, priceOfCpm } from '../../money/index.js'
import { type CompiledRule, compileRule, type FrequencyRule } from './frequency-rule.js'
import { checkPacing, type Pacing } from './pacing.js'

/** How one campaign is served. Comes from configuration, never from a request (F-31). */
export interface CampaignPolicy {
  /** All hold at once (C-23). Default: the session's own rules (C-06). */
  readonly caps?: readonly FrequencyRule[]
  /** Price of a thousand impressions: each costs a thousandth (C-08, F-55). */
  readonly cpm?: Money
  /** Price of one impression, instead of `cpm`. */
  readonly cost?: Money
  /**
   * `bid`: an impression costs what its bid said, and is refused where that is in another currency than the budget; only what nobody bid for
   * costs `cpm` or `cost`. Default `campaign`.
   */
  readonly priceFrom?: 'campaign' | 'bid'
  /** Most that may be spent. A limit in the store wins. Default: the session's `defaultBudget`, else nothing may be spent (D6). */
  readonly budget?: Money
  readonly pacing?: Pacing
  /** Known dimensions of the campaign, for rules per advertiser and the like. */
  readonly advertiser?: string
  readonly lineItem?: string
  readonly category?: string
}

/** A policy that was checked. */
export interface CompiledCampaign {
  readonly rules: readonly CompiledRule[]
  readonly price: Price | null
  readonly priceFrom: 'campaign' | 'bid'
  readonly budget: Money | null
  readonly pacing: Pacing | undefined
  readonly dimensions: Readonly<Partial<Record<'advertiser' | 'lineItem' | 'category', string>>>
}

export interface CampaignDefaults {
  readonly rules: readonly CompiledRule[]
  readonly budget: Money | null
}

/** @throws TypeError or RangeError that names the campaign and says what is wrong */
export function compileCampaign(
  id: string,
  policy: CampaignPolicy,
  defaults: CampaignDefaults,
): CompiledCampaign {
  try {
    const budget = policy.budget ?? defaults.budget
    if (budget !== null && !Money.isMoney(budget)) throw new TypeError('its budget must be Money')
    if (policy.pacing !== undefined) checkPacing(policy.pacing, budget)
    return {
      rules: policy.caps === undefined ? defaults.rules : compileRules(policy.caps),
      price: priceOfPolicy(policy),
      priceFrom: policy.priceFrom ?? 'campaign',
      budget,
      pacing: policy.pacing,
      dimensions: {
        ...(policy.advertiser === undefined ? {} : { advertiser: policy.advertiser }),
        ...(policy.lineItem === undefined ? {} : { lineItem: policy.lineItem }),
        ...(policy.category === undefined ? {} : { category: policy.category }),
      },
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    error.message = `campaign '${id}': ${error.message}`
    throw error
  }
}

/** Whether a price can be reckoned against the campaign's pace, which is in the currency of its configured amounts. */
export function isInPaceCurrency(
  { budget, pacing }: Pick<CompiledCampaign, 'budget' | 'pacing'>,
  price: Price | null,
): boolean {
  if (pacing === undefined || price === null) return true
  return (pacing.period === 'daily' ? pacing.dailyMax : budget)?.currency === price.currency
}

/** @throws TypeError when two rules would share a key */
export function compileRules(rules: readonly FrequencyRule[]): CompiledRule[] {
  const compiled = rules.map(compileRule)
  const seen = new Set<string>()
  for (const { name, per } of compiled) {
    const identity = `${[...per].sort().join()} ${name}`
    if (seen.has(identity)) throw new TypeError(`two rules '${name}' count the same: give one another name`)
    seen.add(identity)
  }
  return compiled
}

function priceOfPolicy({ cpm, cost }: CampaignPolicy): Price | null {
  if (cost !== undefined) return priceOf(cost)
  return cpm === undefined ? null : priceOfCpm(cpm)
}
