import { z } from 'zod'
import { InvalidValue, show } from './invalid-value.js'
import { choice, count, duration, leaf, text } from './leaf.js'

/** A secret that signs. */
export const secret = leaf<string, string>({ $comment: 'secret', type: 'string' }, (value) => {
  if (typeof value === 'string' && Buffer.byteLength(value) >= 32) return value
  throw new InvalidValue('a secret has at least 32 bytes', 'take it from the environment or a file')
})

const origin = leaf<string, string>({ $comment: 'origin', type: 'string' }, (value) => {
  if (typeof value === 'string' && URL.canParse(value) && new URL(value).origin === value) return value
  throw new InvalidValue(`${show(value)} is not an origin`, "for example 'https://ads.example.com'")
})

const eventPath = leaf<string, string>({ $comment: 'path', type: 'string' }, (value) => {
  if (typeof value === 'string' && /^(?:\/[A-Za-z0-9\-._~]+)+$/.test(value)) return value
  throw new InvalidValue(`${show(value)} is not a path`, "for example '/ads/event'")
})

const sink = z.strictObject({
  kind: choice('log', 'http', 'redis').meta({
    description: '`http`: POST of a JSON array, any 2xx takes it. `redis`: entries of a stream.',
  }),
  url: text({ $comment: 'URL' })
    .optional()
    .meta({ description: 'Of `http` and `redis`, where it is `redis://127.0.0.1:6379` by default.' }),
  headers: z
    .record(z.string(), text())
    .prefault({})
    .meta({ $comment: 'values by name', description: 'Fields of `http`.' }),
  timeout: duration().prefault('5s').meta({ description: 'Of a delivery by `http`.' }),
  stream: text({ $comment: 'key' }).prefault('headgate:events').meta({ description: 'Of `redis`.' }),
  maxLength: count(1, 1_000_000_000)
    .prefault(1_000_000)
    .meta({ description: 'Entries that the stream keeps, about.' }),
})

const queue = z
  .strictObject({
    capacity: count(1, 1_000_000).prefault(10_000).meta({
      description: 'Events that wait for a sink in a worker; more are dropped and counted.',
    }),
    batch: count(1, 10_000).prefault(100).meta({ description: 'Most events of one delivery.' }),
    linger: duration().prefault('1s').meta({ description: 'How long a batch that is not full waits.' }),
  })
  .prefault({})
  .meta({ description: 'Between a route and each sink.' })

/** `adserving.events` */
export const events = z
  .strictObject({
    path: eventPath.meta({ description: 'The endpoint. The pattern of the route must cover it.' }),
    origin: origin
      .optional()
      .meta({ description: 'Where players find it, `https://ads.example.com`. Default: as they asked.' }),
    secrets: z
      .array(secret)
      .min(1)
      .meta({ description: 'The first signs events, all are accepted. At least 32 bytes each.' }),
    valid: duration({ min: '1s' })
      .prefault('1d')
      .meta({ description: 'How long after the decision an event may be reported.' }),
    hold: duration({ min: '1s' })
      .prefault('30m')
      .meta({ description: 'How long a reservation waits for its impression; less where the ad says so.' }),
    late: choice('within-limit', 'always', 'never').prefault('within-limit').meta({
      description:
        'Whether an impression is charged whose reservation has run out: where the budget has room, always, or never (then caps do not count it either).',
    }),
    sinks: z.array(sink).prefault([]).meta({
      description: 'Where served ads and reported events are told of, each at least once.',
    }),
    queue,
  })
  .meta({
    description:
      'Signed event URLs in the VAST. With them an ad counts when its impression is reported, without when it is served.',
  })
