import { z } from 'zod'
import { isCurrency } from '../money/index.js'
import { InvalidValue, show } from './invalid-value.js'
import { choice, count, duration, flag, leaf, text } from './leaf.js'
import { CAP_DIMENSIONS } from './types-adserving.js'

const MONEY = /^\d{1,12}(?:\.\d{1,6})?(?: [A-Z]{3})?$/

/** Numbers are refused: 0.1 is not what it says it is (B-64). */
const money = leaf<string, string>({ $comment: 'amount', type: 'string' }, (value) => {
  if (typeof value === 'string' && MONEY.test(value)) {
    const [, code] = value.split(' ')
    if (code === undefined || isCurrency(code)) return value
    throw new InvalidValue(`there is no currency '${code}'`, 'a code of ISO 4217, for example EUR')
  }
  throw new InvalidValue(`expected an amount as text, got ${show(value)}`, "for example '2.50' or '2.50 EUR'")
})

const currency = leaf<string, string>({ $comment: 'ISO 4217', type: 'string' }, (value) => {
  if (typeof value === 'string' && isCurrency(value)) return value
  throw new InvalidValue(`there is no currency ${show(value)}`, 'a code of ISO 4217, for example EUR')
})

const secret = leaf<string, string>({ $comment: 'secret', type: 'string' }, (value) => {
  if (typeof value === 'string' && Buffer.byteLength(value) >= 32) return value
  throw new InvalidValue('a secret has at least 32 bytes', 'take it from the environment or a file')
})

const httpUrl = leaf<string, string>({ $comment: 'URL', type: 'string' }, (value) => {
  if (typeof value === 'string' && /^https?:\/\//i.test(value) && URL.canParse(value)) return value
  throw new InvalidValue(`${show(value)} is not a URL`, 'it begins with http:// or https://')
})

const origin = leaf<string, string>({ $comment: 'origin', type: 'string' }, (value) => {
  if (typeof value === 'string' && URL.canParse(value) && new URL(value).origin === value) return value
  throw new InvalidValue(`${show(value)} is not an origin`, "for example 'https://ads.example.com'")
})

const eventPath = leaf<string, string>({ $comment: 'path', type: 'string' }, (value) => {
  if (typeof value === 'string' && /^(?:\/[A-Za-z0-9\-._~]+)+$/.test(value)) return value
  throw new InvalidValue(`${show(value)} is not a path`, "for example '/ads/event'")
})

const vast = z
  .strictObject({
    url: httpUrl.meta({ description: 'The ad tag. Macros such as `[CACHEBUSTING]` are replaced.' }),
    params: z
      .record(z.string(), text())
      .prefault({})
      .meta({ $comment: 'values by name', description: 'Parameters that are added; macros are replaced.' }),
    forward: z
      .array(text({ $comment: 'name' }))
      .prefault(['placement_id'])
      .meta({
        description: "Parameters of the player's request that are passed on. Consent strings always are.",
      }),
    unwrap: flag()
      .prefault(true)
      .meta({ description: 'Follow wrappers, so that the player gets the ad itself.' }),
    maxWrappers: count(0, 20).prefault(5).meta({ description: 'Wrappers in a row. Beyond it: error 302.' }),
    hopTimeout: duration()
      .prefault('3s')
      .meta({ description: 'For one document, redirects included. Beyond it: error 301.' }),
    serverSide: flag().prefault(false).meta({
      description: 'Ask on behalf of the device, with `X-Device-IP`, `X-Device-User-Agent` and the like.',
    }),
  })
  .meta({
    description: 'An ad server that answers with VAST. One of this, `openrtb` and `sources` is needed.',
  })

const openrtb = z
  .strictObject({
    url: httpUrl.meta({ description: 'The bidder.' }),
    tmax: duration()
      .prefault('300ms')
      .meta({ description: 'Longest that it may take; `tmax` tells it what is left of that.' }),
    currency: currency.prefault('USD').meta({ description: 'Currency of bids.' }),
    request: z
      .record(z.string(), z.unknown())
      .prefault({})
      .meta({ $comment: 'bid request', description: 'What all bid requests have: `imp`, `site` or `app` …' }),
  })
  .meta({ description: 'An OpenRTB 2.6 bidder whose `adm` is VAST.' })

const source = z.strictObject({
  name: text({ $comment: 'name' })
    .optional()
    .meta({ description: 'In logs. Default: `source-1` and so on.' }),
  vast: vast.optional(),
  openrtb: openrtb.optional(),
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

const store = z
  .strictObject({
    kind: choice('lmdb', 'redis', 'redis-cluster', 'memory').prefault('lmdb').meta({
      description: '`memory` counts for each worker by itself and forgets all at the end: for trials.',
    }),
    path: text({ $comment: 'folder' })
      .prefault('./headgate-state')
      .meta({ description: 'Of `lmdb`, relative to the config file.' }),
    durability: choice('disk', 'process').prefault('disk').meta({
      description: 'Of `lmdb`: `process` does not wait for the disk; a power failure may lose the file.',
    }),
    url: text({ $comment: 'URL' })
      .prefault('redis://127.0.0.1:6379')
      .meta({ description: 'Of `redis`: `redis://` or `rediss://`.' }),
    nodes: z
      .array(text({ $comment: 'URL' }))
      .prefault([])
      .meta({ description: 'Of `redis-cluster`: some nodes, by which the others are found.' }),
  })
  .prefault({})
  .meta({ description: 'Where caps and budgets are kept.' })

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
    .meta({ description: 'What is counted together.' }),
  event: choice('impression', 'click', 'complete').prefault('impression').meta({
    description: 'What is counted.',
  }),
})

const campaign = z.strictObject({
  caps: z.array(cap).optional().meta({ description: 'All hold at once. Default: 3 impressions an hour.' }),
  cpm: money.optional().meta({ description: 'Price of a thousand impressions. Default: costs nothing.' }),
  budget: money
    .optional()
    .meta({ description: 'Most that may be spent. Without it and `defaultBudget`: nothing.' }),
  dailyBudget: money.optional().meta({ description: 'Most that may be spent on a day (UTC).' }),
  pacing: choice('asap', 'even', 'ahead')
    .prefault('asap')
    .meta({ description: 'How `dailyBudget` is spread over its day.' }),
})

const events = z
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
      .meta({ description: 'How long a reservation waits for its impression.' }),
    sinks: z.array(sink).prefault([]).meta({
      description: 'Where served ads and reported events are told of, each at least once.',
    }),
    queue,
  })
  .meta({
    description:
      'Signed event URLs in the VAST. With them an ad counts when its impression is reported, without when it is served.',
  })

/** `adserving` of a route. */
export const adserving = z
  .strictObject({
    vast: vast.optional(),
    openrtb: openrtb.optional(),
    sources: z.array(source).optional().meta({
      description: 'Several ad servers and bidders, each a `vast` or an `openrtb`, instead of one.',
    }),
    strategy: choice('waterfall', 'parallel').prefault('waterfall').meta({
      description:
        'Of `sources`. `waterfall`: in order, until one has an ad. `parallel`: all at once; the highest bid wins, then the first ad server.',
    }),
    store,
    timeout: duration().prefault('5s').meta({ description: 'For a whole ad request. Beyond it: no ad.' }),
    retries: count(0, 5).prefault(1).meta({
      description: 'Retries of a request to the ad server that failed and may be repeated.',
    }),
    guard: z
      .strictObject({
        allow: z
          .array(text({ $comment: 'CIDR' }))
          .prefault([])
          .meta({ description: 'Ranges that are not public and may be asked all the same.' }),
        block: z
          .array(text({ $comment: 'CIDR' }))
          .prefault([])
          .meta({ description: 'Ranges that must not be asked.' }),
        ports: z
          .array(count(1, 65_535))
          .prefault([80, 443, 8080, 8443])
          .meta({ description: 'Ports that may be asked; none: any.' }),
        hosts: z
          .array(text({ $comment: 'host' }))
          .optional()
          .meta({ description: 'Only these hosts and names below them. Default: any.' }),
      })
      .prefault({})
      .meta({ description: 'Where ad servers, wrappers and redirects may lead.' }),
    campaign: text({ $comment: 'name' })
      .optional()
      .meta({ description: 'Campaign of this route. Default: the only one.' }),
    placements: z.record(z.string(), text()).prefault({}).meta({
      $comment: 'campaigns by name',
      description: 'Another campaign for some values of `placement_id`.',
    }),
    campaigns: z
      .record(z.string(), campaign)
      .prefault({})
      .meta({ description: 'Caps, prices and budgets by campaign.' }),
    defaultBudget: money.optional().meta({ description: 'Budget of campaigns that have none.' }),
    anonymous: choice('session', 'shared', 'uncapped', 'block').prefault('session').meta({
      description:
        'Users without an id: capped by their session cookie, all together, not at all, or never served.',
    }),
    capsWithoutStore: choice('open', 'closed').prefault('open').meta({
      description: 'Whether caps let ads through while the store cannot be asked. Budgets never do.',
    }),
    user: z
      .strictObject({
        cookie: text({ $comment: 'name' })
          .prefault('user_id')
          .meta({ description: "Cookie of the user's id." }),
        sessionCookie: text({ $comment: 'name' })
          .prefault('session_id')
          .meta({ description: 'Cookie of the session, for users without an id.' }),
        secrets: z.array(secret).prefault([]).meta({
          description: 'Only ids signed with one of these count (`SignedUserId`). None: any id does.',
        }),
      })
      .prefault({})
      .meta({ description: 'Who somebody is.' }),
    macros: z
      .strictObject({
        profile: choice('iab', 'seed').prefault('iab').meta({
          description: '`seed`: `[CACHEBUSTING]` is a UUID and `[TIMESTAMP]` are milliseconds.',
        }),
        custom: z
          .record(z.string(), text())
          .prefault({})
          .meta({ $comment: 'values by name', description: 'Macros of your own.' }),
      })
      .prefault({})
      .meta({ description: 'How macros are replaced.' }),
    consent: z
      .strictObject({
        vendorId: count(1, 65_535)
          .optional()
          .meta({ description: 'Own id on the Global Vendor List, whose bit must be set too.' }),
        optIn: flag().prefault(false).meta({
          description: 'Without consent (a TCF string, or the cookie `gdpr_consent=1`) nobody has an id.',
        }),
        require: flag()
          .prefault(false)
          .meta({ description: 'No ad at all where ads may not be selected (TCF Purpose 2).' }),
      })
      .prefault({})
      .meta({ description: 'What privacy signals of a request mean; they are always heeded.' }),
    noFill: z
      .strictObject({
        status: choice('200', '204').prefault('200').meta({
          description: '`200` with an empty VAST document, or `204`.',
        }),
        errors: z
          .array(httpUrl)
          .prefault([])
          .meta({ description: '`<Error>` URLs in the empty document, which players call with 303.' }),
      })
      .prefault({})
      .meta({ description: 'The answer when there is no ad.' }),
    events: events.optional(),
  })
  .meta({ description: 'Instead of `upstream`: serves ads. See docs/ad-serving.md.' })
