import { z } from 'zod'
import { BALANCE_ALGORITHMS } from '../upstream/balance/index.js'
import { InvalidValue, show } from './invalid-value.js'
import { choice, count, duration, flag, leaf, withReference } from './leaf.js'
import { percent } from './percent.js'

const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`|~-]+"

const token = (comment: string) =>
  leaf<string, string>({ $comment: comment, type: 'string', pattern: withReference(TOKEN) }, (value) => {
    if (typeof value === 'string' && new RegExp(`^${TOKEN}$`).test(value)) return value
    throw new InvalidValue(`${show(value)} is not a ${comment}`)
  })

const algorithm = choice(...BALANCE_ALGORITHMS)

const key = z
  .union([
    choice('ip', 'path'),
    z.strictObject({
      header: token('header name').meta({
        description: 'A header of the request. Without it: the address of the client.',
      }),
    }),
    z.strictObject({
      cookie: token('cookie name').meta({
        description: 'A cookie of the request. Without it: the address of the client.',
      }),
    }),
  ])
  .prefault('path')
  .meta({
    description:
      'What `consistent-hash` hashes: the address of the client, the path without the query, a header or a cookie.',
  })

/** `upstreams.X.balance` */
export const balance = z
  .union([
    algorithm,
    z.strictObject({
      algorithm: algorithm.meta({ description: 'As above.' }),
      key,
      loadBound: leaf<number, `${number}%` | 'none'>(
        {
          $comment: 'percentage or `none`',
          type: 'string',
          pattern: withReference('none|\\d+(?:\\.\\d+)?%'),
        },
        parseLoadBound,
      )
        .prefault('none')
        .meta({
          description:
            'With a hash: no peer gets more than this share of the average load, what is above it goes to the next peer on the ring. At least `101%`.',
        }),
    }),
  ])
  .prefault('round-robin')
  .meta({ description: 'How a peer is chosen, see docs/balancing.md.' })

/** `upstreams.X.panicThreshold` */
export const panicThreshold = percent().prefault('25%').meta({
  description:
    'With fewer healthy peers than this share, health is not looked at, since the rest would be overrun; `0%`: never, then 503.',
})

const failures = (fallback: number, description: string) =>
  leaf<number, number | 'none'>(
    {
      $comment: 'number or `none`',
      anyOf: [
        { type: 'integer', minimum: 1 },
        { type: 'string', pattern: withReference('none') },
      ],
    },
    (value) => {
      if (value === 'none') return 0
      const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
      if (typeof number === 'number' && Number.isInteger(number) && number >= 1) return number
      throw new InvalidValue(`expected a number from 1 or 'none', got ${show(value)}`)
    },
  )
    .prefault(fallback)
    .meta({ description })

/** `upstreams.X.ejection` */
export const ejection = z
  .strictObject({
    connectFailures: failures(3, 'Connections in a row that could not be made.'),
    gatewayErrors: failures(
      5,
      'Failures in a row that are 502, 503, 504, no answer in time, an invalid or no answer, or no connection.',
    ),
    serverErrors: failures(5, 'Failures in a row that are any 5xx, or one of the above.'),
    time: duration({ min: '100ms' })
      .prefault('10s')
      .meta({ description: 'Length of the first ejection; each further one doubles it.' }),
    maxTime: duration({ min: '100ms' }).prefault('5m').meta({
      description: 'Longest ejection. After as long a time without one the next is short again.',
    }),
    maxShare: percent().prefault('50%').meta({
      description:
        'Largest share of the peers that is ejected at the same time, at least one; `0%` switches ejection off.',
    }),
  })
  .prefault({})
  .meta({ description: 'When a peer is left out because of what became of requests.' })

const expectedStatus = leaf<readonly [number, number], number | string>(
  {
    $comment: 'status',
    anyOf: [
      { type: 'integer', minimum: 200, maximum: 599 },
      { type: 'string', pattern: withReference('[2-5]xx|[2-5]\\d\\d(?:-[2-5]\\d\\d)?') },
    ],
  },
  parseStatusRange,
)

/** `upstreams.X.health` */
export const health = z
  .strictObject({
    path: leaf<string, string>(
      { $comment: 'path', type: 'string', pattern: withReference('/[\\x21-\\x7e]*') },
      (value) => {
        if (typeof value === 'string' && /^\/[\x21-\x7e]*$/.test(value)) return value
        throw new InvalidValue(`${show(value)} is not a path`, "for example '/health'")
      },
    )
      .optional()
      .meta({ description: 'HTTP check: GET this path. Either `path` or `tcp`.' }),
    tcp: flag().optional().meta({ description: 'TCP check: only connect.' }),
    host: leaf<string, string>(
      { $comment: 'host', type: 'string', pattern: withReference('[\\x21-\\x7e]+') },
      (value) => {
        if (typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)) return value
        throw new InvalidValue(`${show(value)} is not a host`)
      },
    )
      .optional()
      .meta({ description: 'Host header of the HTTP check. Default: `host:port` of the peer.' }),
    expectedStatus: z
      .union([expectedStatus, z.array(expectedStatus).min(1)])
      .prefault('2xx')
      .meta({
        description: 'Statuses of a healthy answer: `200`, `2xx`, `200-399`, or a list of these.',
      }),
    interval: duration({ min: '100ms' })
      .prefault('5s')
      .meta({ description: 'From the start of one check of a peer to the next, less up to a tenth.' }),
    timeout: duration()
      .prefault('2s')
      .meta({ description: 'Longest a check may take until the complete head of the answer.' }),
    healthyAfter: count(1, 1000)
      .prefault(2)
      .meta({ description: 'Checks in a row that must pass until an unhealthy peer is healthy.' }),
    unhealthyAfter: count(1, 1000)
      .prefault(3)
      .meta({ description: 'Checks in a row that must fail until a peer is unhealthy.' }),
  })
  .meta({ description: 'Active checks of every peer, made in one place for all workers. Absent: none.' })

/** What a peer may have beside its address. */
export const peerOptions = {
  weight: count(1, 256)
    .prefault(1)
    .meta({ description: 'Its share beside the others; `round-robin` does not look at it.' }),
  maxConnections: count(1).optional().meta({
    description: 'Requests that may be at the peer at once, over all workers. Default: any number.',
  }),
  maintenance: flag().prefault(false).meta({ description: 'It gets no requests and no checks.' }),
}

function parseLoadBound(value: unknown): number {
  if (value === 'none') return 0
  const digits = typeof value === 'string' ? /^(\d+(?:\.\d+)?)%$/.exec(value)?.[1] : undefined
  if (digits === undefined) {
    throw new InvalidValue(`expected a percentage such as '125%' or 'none', got ${show(value)}`)
  }
  if (Number(digits) < 101) throw new InvalidValue(`${value} is too small`, 'at least 101%')
  return Number(digits) / 100
}

function parseStatusRange(value: unknown): readonly [number, number] {
  const text = String(value)
  const family = /^([2-5])xx$/.exec(text)?.[1]
  if (family !== undefined) return [Number(family) * 100, Number(family) * 100 + 99]
  const [, from, to = from] = /^([2-5]\d\d)(?:-([2-5]\d\d))?$/.exec(text) ?? []
  if (from !== undefined && Number(from) <= Number(to)) return [Number(from), Number(to)]
  throw new InvalidValue(`${show(value)} is not a status`, "for example 200, '2xx' or '200-399'")
}
