import type { AdGauges } from '../telemetry/index.js'
import { labelText, type Metric, type Sample } from './metric.js'

/** Money of campaigns and health of their stores, as the workers last saw them; none where no route serves ads. */
export function adGaugeMetrics(gauges: AdGauges | null): Metric[] {
  if (gauges === null) return []
  const budgets = gauges.budgets()
  const of = (value: (budget: (typeof budgets)[number]) => number | null): Sample[] =>
    budgets.flatMap((budget) => {
      const { route, campaign, currency } = budget
      const number = value(budget)
      return number === null ? [] : [[labelText({ route, campaign, currency }), number] as const]
    })
  const units = (micros: number): number => micros / 1e6
  return [
    [
      'ad_budget_spent',
      'gauge',
      'Money charged to a campaign, in units of its currency.',
      of(({ spentMicros }) => units(spentMicros)),
    ],
    [
      'ad_budget_held',
      'gauge',
      'Money of a campaign that open reservations hold.',
      of(({ heldMicros }) => units(heldMicros)),
    ],
    [
      'ad_budget_limit',
      'gauge',
      'Most that a campaign may spend; absent: it has no limit, and spends nothing.',
      of(({ limitMicros }) => (limitMicros === null ? null : units(limitMicros))),
    ],
    [
      'ad_budget_remaining',
      'gauge',
      'Limit less what is spent and held.',
      of(({ limitMicros, spentMicros, heldMicros }) =>
        limitMicros === null ? null : units(Math.max(0, limitMicros - spentMicros - heldMicros)),
      ),
    ],
    [
      'budget_spend_ratio',
      'gauge',
      'Spent money as a share of the limit, 0 to 1.',
      of(({ limitMicros, spentMicros }) =>
        limitMicros === null || limitMicros === 0 ? null : spentMicros / limitMicros,
      ),
    ],
    [
      'ad_reservations_open',
      'gauge',
      'Reservations of a campaign that wait for their impression.',
      of(({ open }) => open),
    ],
    [
      'store_degraded',
      'gauge',
      '1 while some worker decides without the store of caps and budgets, by policy.',
      [...gauges.degraded()].map(([store, isDegraded]) => [labelText({ store }), isDegraded ? 1 : 0]),
    ],
  ]
}
