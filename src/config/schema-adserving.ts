import { z } from 'zod'
import { choice, count, duration, flag, text } from './leaf.js'
import { queryMacro } from './query-macros.js'
import { budgetsWithoutStore, campaign, money } from './schema-ad-campaigns.js'
import { events, secret } from './schema-ad-events.js'
import { beacons, slot } from './schema-ad-slot.js'
import { httpUrl, openrtb, source, vast } from './schema-ad-sources.js'

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
    onFailure: choice('degrade', 'stop').prefault('degrade').meta({
      description:
        'Of `lmdb`, when it cannot be opened. `degrade`: requests are served, budgets are closed, caps go by `capsWithoutStore`, and it is tried again; `stop`: the gateway does not start, a reload changes nothing.',
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
      description: 'Whether caps let ads through while the store cannot be asked.',
    }),
    budgetsWithoutStore: budgetsWithoutStore.prefault('closed').meta({
      description:
        'The same of budgets; with an amount such as `0.50 EUR` each campaign may spend so much in each worker and outage.',
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
        fromQuery: z.record(z.string(), queryMacro).optional().meta({
          $comment: 'macros by parameter',
          description:
            "Parameters of the player's query that are values of macros. Default: each such macro by its name in lower case, `playersize` for `[PLAYERSIZE]`.",
        }),
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
    slot,
    beacons: beacons.optional(),
  })
  .meta({ description: 'Instead of `upstream`: serves ads. See docs/ad-serving.md.' })
