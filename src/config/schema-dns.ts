import { z } from 'zod'
import { parseNameServer } from './address.js'
import { choice, duration, durationOrNone, leaf, withReference } from './leaf.js'
import { ADDRESS_PREFERENCES } from './values.js'

const server = leaf<string, string>(
  {
    $comment: 'address',
    type: 'string',
    pattern: withReference('(?:\\d+(?:\\.\\d+){3}|\\[[0-9A-Fa-f:.]+\\])(?::\\d{1,5})?|[0-9A-Fa-f:]+'),
  },
  parseNameServer,
)

/** The section `dns`. */
export const dnsSchema = z
  .strictObject({
    minTtl: duration({ min: '100ms' })
      .prefault('1s')
      .meta({ description: 'An answer is kept at least so long, also if its TTL is 0.' }),
    maxTtl: duration({ min: '100ms' })
      .prefault('5m')
      .meta({ description: 'An answer is kept at most so long.' }),
    defaultTtl: duration({ min: '100ms' }).prefault('30s').meta({
      description:
        "How long an answer without TTL is kept: of the hosts file, and of the system's own lookup, which is asked when the name servers do not know the name.",
    }),
    negativeTtl: duration({ min: '100ms' }).prefault('1s').meta({
      description:
        'How long a failure is kept before the name is asked for again; twice as long with every failure in a row, up to eight times.',
    }),
    staleIfError: durationOrNone().prefault('1h').meta({
      description:
        'How long beyond its TTL the last good answer serves on while the name cannot be resolved.',
    }),
    timeout: duration({ min: '100ms' })
      .prefault('3s')
      .meta({ description: 'Longest a lookup may take, with all retries at all name servers.' }),
    prefer: choice(...ADDRESS_PREFERENCES)
      .prefault('both')
      .meta({
        description:
          '`both`: IPv4 and IPv6 addresses alike; `ipv4`, `ipv6`: the other kind only for a name that has none of this one.',
      }),
    servers: z.array(server).optional().meta({
      description:
        "Name servers, `address` or `address:port`, in place of the system's. With them the system's own lookup is never asked.",
    }),
  })
  .prefault({})
  .meta({ description: 'How names of peers are resolved, by each worker for itself.' })
