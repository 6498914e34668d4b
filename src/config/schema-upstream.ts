import { z } from 'zod'
import { parsePeer, parseServerName } from './address.js'
import { choice, count, duration, durationOrNone, flag, leaf, text, withReference } from './leaf.js'
import { hostPolicy } from './schema-actions.js'
import { balance, ejection, health, panicThreshold, peerOptions } from './schema-balance.js'
import { breaker, concurrency, limits, retries } from './schema-guard.js'
import { TLS_VERSIONS } from './values.js'

const PEER_PATTERN = '(?:https?://)?(?:\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9._-]+)(?::\\d{1,5})?/?|unix:.+'

const address = leaf<ReturnType<typeof parsePeer>, string>(
  { $comment: 'address', type: 'string', pattern: withReference(PEER_PATTERN) },
  parsePeer,
).meta({
  description:
    '`host:port`, `http://host[:port]`, `https://host[:port]` or `unix:/path/of.sock` (relative to the config file).',
})

const peer = z.union([address, z.strictObject({ address, ...peerOptions })])

const tlsSection = z.strictObject({
  servername: leaf<string, string>({ $comment: 'text', type: 'string', minLength: 1 }, parseServerName)
    .optional()
    .meta({ description: 'Name for SNI that the certificate must match. Default: the host of the peer.' }),
  verify: flag().prefault(true).meta({ description: 'Refuse a peer whose certificate cannot be verified.' }),
  ca: text({ $comment: 'file' })
    .optional()
    .meta({ description: "PEM file of the authorities to trust instead of the system's." }),
  cert: text({ $comment: 'file' }).optional().meta({
    description: 'PEM file of the client certificate and what chains it to its authority; needs `key`.',
  }),
  key: text({ $comment: 'file' })
    .optional()
    .meta({ description: 'PEM file of the private key of `cert`, without a passphrase.' }),
  minVersion: choice(...TLS_VERSIONS)
    .prefault('TLSv1.2')
    .meta({ description: 'Oldest version of TLS that is spoken.' }),
})

const tls = z.union([flag(), tlsSection]).meta({
  description:
    'TLS towards the peers; `true` is an empty section. Implied by an `https://` peer; here for plain `host:port` peers, and for what differs from the defaults.',
})

const timeouts = z
  .strictObject({
    connect: duration()
      .prefault('1s')
      .meta({ description: 'TCP and TLS handshake of a new connection together.' }),
    headers: durationOrNone()
      .prefault('15s')
      .meta({ description: 'From the last byte of the request sent to the complete response head.' }),
    idle: durationOrNone()
      .prefault('30s')
      .meta({ description: 'Longest silence while a body is under way in either direction.' }),
    total: durationOrNone().prefault('none').meta({
      description:
        'Deadline of the whole session, retries included. None by default, since downloads and event streams may last.',
    }),
    tunnel: durationOrNone().prefault('1h').meta({
      description:
        'Longest silence of a WebSocket or another upgraded connection, both directions together. The deadlines above do not count there.',
    }),
  })
  .prefault({})
  .meta({ description: 'Deadlines towards the peers.' })

const pool = z
  .strictObject({
    maxIdle: count(0, 65_535)
      .prefault(256)
      .meta({ description: 'Idle connections kept per peer and worker; 0 keeps none.' }),
    idle: duration().prefault('4s').meta({
      description: 'How long an idle connection is kept. It must be below the keep-alive time of the peer.',
    }),
    maxAge: durationOrNone()
      .prefault('none')
      .meta({ description: 'Age after which a connection is not used again.' }),
  })
  .prefault({})
  .meta({ description: 'Connections kept open to the peers, per worker.' })

/** One entry under `upstreams`. */
export const upstreamSchema = z
  .strictObject({
    peers: z.array(peer).min(1).meta({ description: 'Where requests may go; at least one.' }),
    balance,
    panicThreshold,
    ejection,
    health: health.optional(),
    tls: tls.optional(),
    timeouts,
    retries,
    limits: limits.optional(),
    concurrency: concurrency.optional(),
    breaker: breaker.optional(),
    pool,
    host: hostPolicy.optional().meta({
      description:
        'Host that the peers are told: that of the request, the address of the peer (`upstream`), or this one. Default: `preserve`.',
    }),
  })
  .meta({ description: 'A group of peers that serve the same.' })
