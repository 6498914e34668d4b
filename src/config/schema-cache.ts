import { z } from 'zod'
import { isToken } from '../session/header-rules.js'
import { parseCondition, type WrittenCondition } from './field-condition.js'
import { InvalidValue, show } from './invalid-value.js'
import { choice, duration, durationOrNone, flag, leaf, size, text } from './leaf.js'
import { percent } from './percent.js'

/** `cache` */
export const cacheMemory = z
  .strictObject({
    size: size({ min: '1MiB', max: '64GiB' })
      .prefault('256MiB')
      .meta({ description: 'Memory of the cache, all of it; taken from the system as it fills.' }),
    maxEntrySize: size({ min: '1KiB' })
      .prefault('8MiB')
      .meta({ description: 'Longest body that is stored; at most a quarter of `cache.size`.' }),
    snapshot: text({ $comment: 'file' }).optional().meta({
      description:
        'File into which the cache is written at the end of a drain, and from which the next start takes what can still be used. Default: none.',
    }),
  })
  .prefault({})
  .meta({ description: 'The memory that the caches of all routes share.' })

const fieldName = leaf<string, string>({ $comment: 'header name', type: 'string', minLength: 1 }, (value) => {
  if (typeof value === 'string' && isToken(value)) return value.toLowerCase()
  throw new InvalidValue(`${show(value)} is not a header name`)
})

const condition = leaf<ReturnType<typeof parseCondition>, WrittenCondition>(
  {
    $comment: 'condition',
    anyOf: [
      { type: ['boolean', 'string', 'number'] },
      {
        type: 'object',
        minProperties: 1,
        maxProperties: 1,
        propertyNames: { enum: ['equals', 'prefix', 'suffix', 'contains'] },
      },
    ],
  },
  parseCondition,
)

const conditions = (what: string) =>
  z
    .record(z.string(), condition)
    .prefault({})
    .meta({
      $comment: 'conditions by name',
      description: `${what}, as in \`match.headers\`; one that holds is enough.`,
    })

const options = z.strictObject({
  ttl: z.record(z.string(), durationOrNone()).prefault({}).meta({
    $comment: 'durations by status',
    description:
      'Lifetimes of answers that tell none of their own, by status: `200`, `404`, `5xx` or `default` (200, 203, 204, 300, 301, 308, 404, 410). Without it they are not stored.',
  }),
  heuristic: z
    .union([
      leaf<false, false>({ $comment: '`false`', const: false }, (value) => {
        if (value === false || value === 'false') return false
        throw new InvalidValue(`expected false or { share, max }, got ${show(value)}`)
      }),
      z.strictObject({
        share: percent().prefault('10%').meta({ description: 'Share of the time since Last-Modified.' }),
        max: duration().prefault('1d').meta({ description: 'Longest lifetime that is guessed.' }),
      }),
    ])
    .prefault(false)
    .meta({ description: 'Guess lifetimes from Last-Modified (RFC 9111 section 4.2.2).' }),
  keys: z
    .strictObject({
      query: z
        .union([
          choice('all', 'none'),
          z.strictObject({ only: z.array(text()).min(1).meta({ description: 'These parameters alone.' }) }),
          z.strictObject({ except: z.array(text()).min(1).meta({ description: 'All but these.' }) }),
        ])
        .prefault('all')
        .meta({ description: 'Parameters of the query that are part of the key: `all`, `none`, or some.' }),
      sortQuery: flag()
        .prefault(false)
        .meta({ description: 'Parameters in another order are the same resource.' }),
      headers: z.array(fieldName).prefault([]).meta({ description: 'Request headers in the key.' }),
      cookies: z.array(text()).prefault([]).meta({ description: 'Cookies in the key, by name.' }),
    })
    .prefault({})
    .meta({ description: 'What makes up the key, beside scheme, host and path.' }),
  vary: z
    .strictObject({
      allow: z.array(fieldName).optional().meta({
        description: 'Headers that answers may vary by; one with another is not stored. Default: any.',
      }),
      ignore: z.array(fieldName).prefault([]).meta({
        description: 'Names in Vary to overlook, since the answers of this route do not differ by them.',
      }),
    })
    .prefault({})
    .meta({ description: 'What becomes of Vary.' }),
  methods: z
    .array(choice('GET', 'HEAD'))
    .min(1)
    .prefault(['GET', 'HEAD'])
    .meta({ description: 'Methods that are answered from the cache.' }),
  stale: z
    .strictObject({
      whileRevalidate: durationOrNone().prefault('none').meta({
        description: 'How long a stale answer is served while it is validated in the background.',
      }),
      ifError: durationOrNone().prefault('none').meta({
        description: 'How long a stale answer stands in for an upstream that fails.',
      }),
    })
    .prefault({})
    .meta({
      description:
        'Windows for answers that say nothing (RFC 5861) and do not forbid it (`must-revalidate`, `proxy-revalidate`, `s-maxage`, `no-cache`).',
    }),
  lock: z
    .union([
      leaf<false, false>({ $comment: '`false`', const: false }, (value) => {
        if (value === false || value === 'false') return false
        throw new InvalidValue(`expected false or { age, wait }, got ${show(value)}`)
      }),
      z.strictObject({
        age: duration()
          .prefault('10s')
          .meta({ description: 'How long one request may fetch for all; after that another does.' }),
        wait: duration()
          .prefault('10s')
          .meta({ description: 'How long a request waits in all, before it goes to the upstream itself.' }),
      }),
    ])
    .prefault({})
    .meta({ description: 'Simultaneous misses share one request to the upstream; `false`: they do not.' }),
  bypass: z
    .strictObject({
      headers: conditions('Header fields'),
      cookies: conditions('Cookies'),
      query: conditions('Query parameters'),
    })
    .prefault({})
    .meta({ description: 'Requests that go past the cache, and whose answers are not stored.' }),
  requestControl: choice('honour', 'ignore').prefault('honour').meta({
    description:
      "Whether a client's Cache-Control (`no-cache`, `max-age`, `only-if-cached` and so on) counts.",
  }),
  showKey: flag().prefault(false).meta({ description: 'Tell the key in Cache-Status, to find mistakes.' }),
})

/** `routes[].cache` */
export const routeCache = z
  .union([flag(), options])
  .meta({ description: 'Store answers and serve them from memory; `true`: with all defaults.' })

/** A route's cache as it is written, defaults filled in. */
export type ParsedCache = z.output<typeof options>
