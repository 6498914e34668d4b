import { z } from 'zod'
import { isCurrency } from '../money/index.js'
import { InvalidValue, show } from './invalid-value.js'
import { choice, count, duration, flag, leaf, text } from './leaf.js'
import { percent } from './percent.js'
import { CAP_DIMENSIONS } from './types-adserving.js'

const MONEY = /^\d{1,12}(?:\.\d{1,6})?(?: [A-Z]{3})?$/

/** Numbers are refused: 0.1 is not what it says it is (B-64). */
export const money = leaf<string, string>({ $comment: 'amount', type: 'string' }, parseMoney)

function parseMoney(value: unknown): string {
  if (typeof value === 'string' && MONEY.test(value)) {
    const [, code] = value.split(' ')
    if (code === undefined || isCurrency(code)) return value
    throw new InvalidValue(`there is no currency '${code}'`, 'a code of ISO 4217, for example EUR')
  }
  throw new InvalidValue(`expected an amount as text, got ${show(value)}`, "for example '2.50' or '2.50 EUR'")
}

/** `adserving.budgetsWithoutStore` */
export const budgetsWithoutStore = leaf<string, string>(
  { $comment: '`open`, `closed` or amount', type: 'string' },
  (value) => (value === 'open' || value === 'closed' ? value : parseMoney(value)),
)

const MOMENT = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2}))?$/

/** A moment as milliseconds since the epoch; a date alone is its midnight in UTC. */
const moment = leaf<number, string>({ $comment: 'date or time', type: 'string' }, (value) => {
  const ms = typeof value === 'string' && MOMENT.test(value) ? Date.parse(value) : Number.NaN
  if (!Number.isNaN(ms)) return ms
  throw new InvalidValue(
    `${show(value)} is no moment`,
    "for example '2026-01-31' or '2026-01-31T18:00:00+01:00'",
  )
})

const factor = leaf<number, number>({ $comment: 'number', type: 'number', minimum: 1 }, (value) => {
  const number = typeof value === 'string' && /^\d+(?:\.\d+)?$/.test(value) ? Number(value) : value
  if (typeof number === 'number' && number >= 1 && number <= 1000) return number
  throw new InvalidValue(`expected a number from 1 to 1000, got ${show(value)}`)
})

const cap = z.strictObject({
  max: count(0, 10_000).meta({ description: 'How often.' }),
  every: duration()
    .optional()
    .meta({ description: 'Within this time. One of this, `calendar` and `lifetime` is needed.' }),
  rolling: flag().prefault(false).meta({
    description: 'With `every`: the last so long at any moment (`max` up to 1,000), not from the first on.',
  }),
  calendar: choice('minute', 'hour', 'day', 'week', 'month')
    .optional()
    .meta({ description: 'Within this unit of the calendar.' }),
  timeZone: text({ $comment: 'IANA name' }).prefault('UTC').meta({ description: 'Of `calendar`.' }),
  lifetime: flag().prefault(false).meta({ description: 'At all.' }),
  per: z
    .array(choice(...CAP_DIMENSIONS))
    .min(1)
    .prefault(['user', 'campaign'])
    .meta({
      description:
        'What is counted together. `placement`, `pod` and `stream` are the parameters `placement_id`, `pod_id` and `stream_id` of the player; a cap does not hold where one of its own is not known.',
    }),
  event: choice('impression', 'click', 'complete').prefault('impression').meta({
    description: 'What is counted.',
  }),
})

const flight = z
  .strictObject({
    start: moment.meta({ description: 'Nothing is spent before.' }),
    end: moment.meta({ description: 'Nothing is spent from here on.' }),
  })
  .meta({ description: 'When `budget` is spent. Instead of `dailyBudget`.' })

/** One of `adserving.campaigns`. */
export const campaign = z.strictObject({
  caps: z.array(cap).optional().meta({ description: 'All hold at once. Default: 3 impressions an hour.' }),
  cpm: money.optional().meta({ description: 'Price of a thousand impressions. Default: costs nothing.' }),
  price: choice('campaign', 'bid').prefault('campaign').meta({
    description:
      '`bid`: an impression costs what its bid said, not `cpm`, which is for ads without a bid. A bid in another currency than the budget is a no-fill.',
  }),
  budget: money
    .optional()
    .meta({ description: 'Most that may be spent. Without it and `defaultBudget`: nothing.' }),
  dailyBudget: money.optional().meta({ description: 'Most that may be spent on a day (UTC).' }),
  flight: flight.optional(),
  pacing: choice('asap', 'even', 'ahead').prefault('asap').meta({
    description: 'How `dailyBudget` is spread over its day, or `budget` over its `flight`.',
  }),
  lead: percent()
    .prefault('5%')
    .meta({ description: 'With `even` and `ahead`: share that may be spent before its time.' }),
  maxHourly: factor.optional().meta({
    description: 'No hour takes more than so many times its even share of the day or flight. Default: any.',
  }),
  advertiser: text({ $comment: 'name' }).optional().meta({ description: 'For caps `per` advertiser.' }),
  lineItem: text({ $comment: 'name' }).optional().meta({ description: 'For caps `per` lineItem.' }),
  category: text({ $comment: 'name' }).optional().meta({ description: 'For caps `per` category.' }),
})
