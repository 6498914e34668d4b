import { z } from 'zod'
import { InvalidValue, show } from './invalid-value.js'
import { count, duration, durationOrNone, leaf, withReference } from './leaf.js'
import { type Percent, parsePercent, percent } from './percent.js'

const budgetShare = leaf<number | null, Percent | 'none'>(
  { $comment: 'percentage or `none`', type: 'string', pattern: withReference('none|\\d+(?:\\.\\d+)?%') },
  (value) => (value === 'none' ? null : parsePercent(value, 100)),
)

const status = leaf<number, number>(
  { $comment: 'status', type: 'integer', minimum: 400, maximum: 599 },
  (value) => {
    const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
    if (typeof number === 'number' && Number.isInteger(number) && number >= 400 && number <= 599)
      return number
    throw new InvalidValue(
      `${show(value)} is not a status that can be retried`,
      '400 to 599, for example 503',
    )
  },
)

/** `upstreams.X.retries` */
export const retries = z
  .strictObject({
    max: count(0, 10)
      .prefault(3)
      .meta({ description: 'Retries after the first attempt, only of what is safe to repeat.' }),
    on: z.array(status).prefault([]).meta({
      description:
        'Statuses after which another peer is asked, for idempotent methods, for example `[502, 503, 504]`.',
    }),
    backoff: z
      .strictObject({
        base: durationOrNone().prefault('25ms').meta({
          description:
            'Longest wait before the first retry, doubled with each further one; the wait is random up to there. None after a refused connection.',
        }),
        max: duration().prefault('250ms').meta({ description: 'Longest wait before any retry.' }),
      })
      .prefault({})
      .meta({ description: 'How long a retry waits.' }),
    budget: z
      .union([
        budgetShare,
        z.strictObject({
          share: percent().prefault('20%').meta({ description: 'Retries for each hundred requests.' }),
          minPerSecond: count(0, 255).prefault(10).meta({
            description: 'Retries a second that are made even if the share is smaller.',
          }),
        }),
      ])
      .prefault('20%')
      .meta({
        description:
          'Share of the requests of all workers that may be retries; `none`: any number. Retries after a refused connection are free.',
      }),
  })
  .prefault({})
  .meta({ description: 'What happens when an attempt fails, see docs/retries-and-timeouts.md.' })

/** `upstreams.X.limits` */
export const limits = z
  .strictObject({
    maxConnections: count(1).meta({
      description: 'Requests that may be at the upstream at once, over all workers.',
    }),
    maxPending: count(0).prefault(1024).meta({
      description: 'Requests that may wait for one of them to end, over all workers; what is above gets 503.',
    }),
    pendingTimeout: duration().prefault('1s').meta({ description: 'Longest wait, then 503.' }),
  })
  .meta({ description: 'Bounds of the load on the upstream. Absent: none.' })

const tolerance = leaf<number, Percent>(
  { $comment: 'percentage', type: 'string', pattern: withReference('\\d+(?:\\.\\d+)?%') },
  (value) => {
    const factor = parsePercent(value, 1000)
    if (factor >= 1) return factor
    throw new InvalidValue(`${show(value)} is too small`, 'at least 100%')
  },
)

/** `upstreams.X.concurrency` */
export const concurrency = z
  .strictObject({
    adaptive: z
      .strictObject({
        min: count(1).prefault(4).meta({ description: 'It never gets smaller.' }),
        max: count(1).prefault(1000).meta({
          description: 'It never gets larger, nor than `limits.maxConnections`.',
        }),
        initial: count(1).prefault(32).meta({ description: 'Where it begins.' }),
        tolerance: tolerance.prefault('150%').meta({
          description: 'Latency, as a share of what is normal, beyond which it shrinks.',
        }),
        window: duration({ min: '50ms', max: '10s' })
          .prefault('250ms')
          .meta({ description: 'How often it moves.' }),
      })
      .meta({ description: 'A limit that follows the latency of answers.' }),
  })
  .meta({
    description:
      'How many requests may be at the upstream at once is found out by itself. `limits` tells how many may wait, and how long. Absent: it is not.',
  })

/** `upstreams.X.breaker` */
export const breaker = z
  .strictObject({
    failures: count(1).optional().meta({
      description:
        'Failed attempts within `window` that open it: no connection, no or an invalid answer, 502, 503, 504. Default: their number does not count.',
    }),
    errorShare: percent().optional().meta({
      description: 'Share of failed attempts that opens it. Default: `50%` unless `failures` is set.',
    }),
    minRequests: count(1)
      .prefault(20)
      .meta({ description: 'Attempts within `window` from which on `errorShare` counts.' }),
    window: duration({ min: '100ms' }).prefault('10s').meta({ description: 'How long an attempt counts.' }),
    open: duration({ min: '100ms' }).prefault('5s').meta({
      description: 'How long all requests get 503 at once; then one at a time is let through.',
    }),
    halfOpen: count(1, 1000)
      .prefault(1)
      .meta({ description: 'Requests in a row that must go well until it closes.' }),
  })
  .meta({ description: 'Leaves an upstream alone that fails too often. Absent: never.' })
