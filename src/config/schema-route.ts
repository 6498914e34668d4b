import { z } from 'zod'
import { parseCondition, type WrittenCondition } from './field-condition.js'
import { choice, count, duration, flag, leaf, text, withReference } from './leaf.js'
import { parseMatchHost, parseMatchPath, parseMethod, ROUTE_METHODS, type RouteMethod } from './match.js'
import { hostPolicy, mirror, redirect, respond, rewrite, split } from './schema-actions.js'
import { adserving } from './schema-adserving.js'
import { routeCache } from './schema-cache.js'
import { BUILTIN_FILTERS } from './types.js'
import { parseUpgrade } from './upgrade.js'

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

const match = z
  .strictObject({
    host: leaf<string, string>(
      {
        $comment: 'host pattern',
        type: 'string',
        pattern: withReference('(?:\\*\\.)?[^*:/]+|\\[[0-9A-Fa-f:.]+\\]'),
      },
      parseMatchHost,
    )
      .optional()
      .meta({
        description:
          '`example.com`, or `*.example.com` for all names below it (not itself). Without regard to case and port. Default: any.',
      }),
    path: leaf<string, string>(
      {
        $comment: 'path pattern',
        type: 'string',
        pattern: withReference('/(?!.*(?:[^/]\\*\\*|\\*\\*[^/]))[^?#]*'),
      },
      parseMatchPath,
    )
      .prefault('/*')
      .meta({
        description:
          '`/exact`; `/prefix/*` for `/prefix/` and all below it (not `/prefix`); `/users/:id` with a parameter; `*` within a segment, `**` for any number of them. Compared with the path without the query, case matters.',
      }),
    method: z
      .array(leaf<RouteMethod, RouteMethod>({ $comment: 'method', enum: [...ROUTE_METHODS] }, parseMethod))
      .min(1)
      .optional()
      .meta({ description: 'Methods; GET does not imply HEAD. Default: any.' }),
    headers: z.record(z.string(), condition).prefault({}).meta({
      $comment: 'conditions by name',
      description:
        'Header fields: `true` it is there, `false` it is not, a text that it equals, or one of `{ equals, prefix, suffix, contains }`.',
    }),
    query: z.record(z.string(), condition).prefault({}).meta({
      $comment: 'conditions by name',
      description: 'Query parameters, likewise; compared decoded, the first of a name counts.',
    }),
  })
  .prefault({})
  .meta({ description: 'Which requests the route takes: all conditions must hold.' })

const use = text({ $comment: 'filter' }).meta({
  description: `A filter that comes with the gateway (${BUILTIN_FILTERS.map((name) => `\`${name}\``).join(', ')}), a file relative to the config file (\`./filters/geo.ts\`) or an installed package.`,
})

const filter = z.union([
  use,
  z.strictObject({
    use,
    with: z
      .record(z.string(), z.unknown())
      .optional()
      .meta({ $comment: 'options', description: 'Options of the filter; it checks them itself.' }),
  }),
])

/** One entry under `routes`. */
export const routeSchema = z
  .strictObject({
    match,
    upstream: text({ $comment: 'name' }).optional().meta({
      description:
        'Name of the upstream that serves the route. One of this, `split`, `redirect`, `respond` and `adserving` is needed.',
    }),
    split: split.optional(),
    redirect: redirect.optional(),
    respond: respond.optional(),
    adserving: adserving.optional(),
    mirror: mirror.optional(),
    cache: routeCache.optional(),
    rewrite: rewrite.optional(),
    host: hostPolicy.optional().meta({
      description: 'Host that the upstream is told, as `upstreams.NAME.host`, which it overrules.',
    }),
    priority: choice('low', 'normal', 'high').optional().meta({
      description:
        'What is refused first under `overload`, and served first of what waits. Default: `normal`.',
    }),
    rateLimit: z
      .strictObject({
        limit: count(1, 1_000_000).meta({ description: 'Requests within `window`. Beyond them: 429.' }),
        window: duration().prefault('1m').meta({ description: 'Time for `limit` requests.' }),
        burst: count(1, 1_000_000).optional().meta({
          description: 'Requests that may come at once. Default: `limit`.',
        }),
        by: z
          .union([
            choice('client', 'route'),
            z.strictObject({
              header: text().meta({
                description: 'Name of a header: who sends the same value counts together.',
              }),
            }),
          ])
          .prefault('client')
          .meta({
            description: 'Whom it counts: each client address, or all clients of the route together.',
          }),
        name: text().optional().meta({
          description: 'Limits of the same name count together. Default: each route for itself.',
        }),
        redis: z
          .strictObject({
            url: text().optional().meta({
              description:
                '`redis://[user:password@]host:port[/database]`, `rediss://` for TLS. Default: `redis://127.0.0.1:6379`.',
            }),
            cluster: z
              .array(text())
              .optional()
              .meta({ description: 'Some nodes of a Redis Cluster, as URLs, instead of `url`.' }),
            prefix: text().prefault('headgate:rate:').meta({ description: 'What its keys begin with.' }),
            timeout: duration({ min: '1ms' })
              .prefault('20ms')
              .meta({ description: 'Longest wait for an answer of Redis.' }),
            onFailure: choice('local', 'open', 'closed').prefault('local').meta({
              description:
                'While Redis gives no answer: each process counts by itself, all requests pass, or none does (503).',
            }),
          })
          .optional()
          .meta({
            description:
              'Count over all machines that use the same Redis or Valkey. Default: in this process.',
          }),
      })
      .optional()
      .meta({
        description:
          'Rate limit before the filters of the route, exact over all workers: the filter `rate-limit`. Default: none.',
      }),
    filters: z.array(filter).prefault([]).meta({ description: 'Filters in the order in which they run.' }),
    upgrades: z
      .array(
        leaf<string, string>(
          {
            $comment: 'protocol',
            type: 'string',
            pattern: withReference('[A-Za-z0-9!#$%&*+.^_|~-]+(?:/[A-Za-z0-9.-]+)?'),
          },
          parseUpgrade,
        ),
      )
      .prefault(['websocket'])
      .meta({
        description:
          'Protocols that clients may switch to (`Upgrade`); a request for any other is forwarded without its `Upgrade`. The acceptor `uws` knows `websocket` only. `[]`: none.',
      }),
    bufferRequestBody: flag().prefault(false).meta({
      description: 'Collect the request body, up to `limits.bufferedBody`, before the upstream is called.',
    }),
    bufferResponseBody: flag()
      .prefault(false)
      .meta({ description: 'Collect the response body, up to `limits.bufferedBody`, before it is sent.' }),
  })
  .meta({ description: 'Which requests go where, and through which filters.' })
