import { addAmounts, DEFAULT_CURRENCY, Money, subtractAmounts, ZERO } from '../../money/index.js'
import { type StateStore, StateStoreError } from '../../state/index.js'
import { budgetChecks, capChecks } from './reservation.js'
import type { SessionPolicies } from './session-policies.js'

/** A campaign's money (C-07), and in {@link BudgetReport.toJSON} as a metric (C-25). */
export interface BudgetReport {
  readonly campaignId: string
  readonly spent: Money
  /** Reserved for ads whose impression has not been reported yet. */
  readonly held: Money
  /** How many reservations that are. */
  readonly open: number
  /** Null: there is none, so nothing may be spent (D6). */
  readonly limit: Money | null
  /** Limit less what is spent and held. */
  readonly remaining: Money
  toJSON(): BudgetMetric
}

/** Amounts as decimal text. */
export interface BudgetMetric {
  readonly campaign_id: string
  readonly spent: string
  readonly limit: string | null
  readonly remaining: string
  /** 0 to 100, of the limit; 100 where there is none. */
  readonly percentage_spent: number
}

/** Reads of a session: they count nothing. */
export class UseReports {
  constructor(
    private readonly store: StateStore,
    private readonly policies: SessionPolicies,
    private readonly clock: () => number,
  ) {}

  async checkFrequencyCap(userId: string, campaignId: string): Promise<boolean> {
    try {
      return (await this.remainingImpressions(userId, campaignId)) > 0
    } catch (error) {
      if (error instanceof StateStoreError && !this.policies.capsClosed) return true
      throw error
    }
  }

  async remainingImpressions(userId: string, campaignId: string): Promise<number> {
    const { keys } = this.policies
    const campaign = this.policies.campaign(campaignId)
    const subject = { ...campaign.dimensions, user: userId, campaign: campaignId }
    const rules = campaign.rules.filter(({ per }) => per.every((dimension) => dimension in subject))
    const uses = await this.store.capUse(capChecks(rules, subject, keys, this.clock()))
    const left = uses.map(({ committed, held }, index) => {
      const rule = rules[index]
      if (rule === undefined) return 0
      if (rule.event === 'impression') return Math.max(0, rule.max - committed - held)
      return committed < rule.max ? Number.POSITIVE_INFINITY : 0
    })
    return Math.min(Number.POSITIVE_INFINITY, ...left)
  }

  async budget(campaignId: string): Promise<BudgetReport> {
    const campaign = this.policies.campaign(campaignId)
    const currency = campaign.price?.currency ?? campaign.budget?.currency ?? DEFAULT_CURRENCY
    const checks = budgetChecks(
      { campaignId, price: { amount: ZERO, currency }, decidedAtMs: this.clock() },
      { budget: campaign.budget, pacing: undefined },
      this.policies.keys,
    )
    const [use] = await this.store.budgetUse(checks)
    const { spent = ZERO, held = ZERO, limit = null, open = 0 } = use ?? {}
    const code = use?.currency ?? currency
    const remaining = limit === null ? ZERO : subtractAmounts(limit, addAmounts(spent, held))
    const report = {
      campaignId,
      spent: Money.fromAmount(spent, code),
      held: Money.fromAmount(held, code),
      open,
      limit: limit === null ? null : Money.fromAmount(limit, code),
      remaining: Money.fromAmount(remaining, code),
    }
    const share = limit === null || limit.micros === 0 ? 1 : spent.micros / limit.micros
    return {
      ...report,
      toJSON: () => ({
        campaign_id: campaignId,
        spent: report.spent.toDecimal(),
        limit: report.limit?.toDecimal() ?? null,
        remaining: report.remaining.toDecimal(),
        percentage_spent: share * 100,
      }),
    }
  }
}
