import { z } from 'zod'
import { parseListen } from './address.js'
import {
  choice,
  count,
  duration,
  durationOrNone,
  flag,
  leaf,
  size,
  sizeOrNone,
  text,
  withReference,
} from './leaf.js'
import { adminSchema, LISTEN_PATTERN, PORT } from './schema-admin.js'
import { cacheMemory } from './schema-cache.js'
import { dnsSchema } from './schema-dns.js'
import { forwarding, paths } from './schema-forwarding.js'
import { accessLog, answers, otlp, telemetry, tracing } from './schema-observability.js'
import { routeSchema } from './schema-route.js'
import { tlsSchema } from './schema-tls.js'
import { tunedOnSchema } from './schema-tuned-on.js'
import { upstreamSchema } from './schema-upstream.js'
import type { ListenAddress } from './types.js'
import { ACCEPTORS, LOG_LEVELS, MAX_WORKERS, parseWorkers } from './values.js'

const listen = leaf<ListenAddress, string | number>(
  { $comment: 'address', anyOf: [{ type: 'string', pattern: withReference(LISTEN_PATTERN) }, PORT] },
  parseListen,
)

const workers = leaf<number | 'auto', number | 'auto'>(
  {
    $comment: '`auto` or number',
    anyOf: [
      { type: 'string', pattern: withReference('auto') },
      { type: 'integer', minimum: 1, maximum: MAX_WORKERS },
    ],
  },
  parseWorkers,
)

const limits = z
  .strictObject({
    header: size({ min: '1KiB', max: '64KiB' })
      .prefault('16KiB')
      .meta({ description: 'Header section of a request: names, values and separators. Beyond it: 431.' }),
    headerCount: count(1, 1000)
      .prefault(100)
      .meta({ description: 'Header lines of a request. Beyond it: 431.' }),
    url: size({ min: '64B', max: '64KiB' })
      .prefault('8KiB')
      .meta({ description: 'Request target, path and query. Beyond it: 414.' }),
    body: sizeOrNone()
      .prefault('none')
      .meta({ description: 'Request body. Beyond it: 413. None by default, since bodies are streamed.' }),
    bufferedBody: size({ max: '1GiB' }).prefault('1MiB').meta({
      description:
        'Largest body that is collected for a filter. Beyond it: 413 for a request, 502 for a response.',
    }),
    webSocketMessage: size({ min: '1KiB', max: '1GiB' }).prefault('16MiB').meta({
      description:
        'WebSocket message of a client, with the acceptor `uws` only: it takes messages whole. Beyond it the connection is closed. A compressed message of an upstream may be as large once it is opened; beyond it both ends are closed with 1009.',
    }),
    webSocketCompressed: sizeOrNone({ max: '1MiB' }).prefault('none').meta({
      description:
        'WebSocket message up to which the acceptor `uws` compresses what it sends to clients and upstreams that agree on permessage-deflate; the upstream is offered it if the client offers it. `none`: it is not negotiated. `node` passes the extension on.',
    }),
    connections: count(1)
      .prefault(10_000)
      .meta({ description: 'Open client connections; surplus is closed at once.' }),
    connectionsPerAddress: count(0).prefault(0).meta({
      description:
        'Open connections of one client address; surplus is closed at once. 0: any number. The acceptor `uws` knows it on Linux only.',
    }),
    sessions: count(1, 65_536)
      .prefault(4096)
      .meta({ description: 'Sessions in flight per worker. Beyond it: 503 with `Retry-After`.' }),
    filter: duration().prefault('30s').meta({
      description: 'Longest an asynchronous hook of a filter may take; then its session ends with 500.',
    }),
  })
  .prefault({})
  .meta({ description: 'What a client may send, and how much at once.' })

const client = z
  .strictObject({
    idle: duration({ min: '1s' })
      .prefault('10s')
      .meta({ description: 'Idle keep-alive connections, and the time for a complete request head.' }),
    body: duration()
      .prefault('10s')
      .meta({ description: 'Longest pause between two pieces of a request body. Beyond it: 408.' }),
    write: duration()
      .prefault('30s')
      .meta({ description: 'Longest time without progress while a response is written to a slow client.' }),
    chunked: choice('close', 'reject').prefault('close').meta({
      description:
        'Chunked request bodies: `close` the connection after the answer, or `reject` them with 411. A connection is never reused behind one.',
    }),
  })
  .prefault({})
  .meta({ description: 'Deadlines towards clients.' })

const overload = z
  .strictObject({
    queue: count(0, 65_536).prefault(1024).meta({
      description: 'Sessions that may wait when all workers have `limits.sessions`; 0: they get 503 at once.',
    }),
    queueTimeout: duration().prefault('1s').meta({
      description: 'Longest wait for a worker with room; then 503 with `Retry-After`.',
    }),
    memory: sizeOrNone({ min: '64MiB' }).prefault('none').meta({
      description:
        'Resident memory of the process. From 85 % on routes of low priority get 503, from 95 % on normal ones, at 100 % all; there, and after 5 s above 95 %, the largest worker is replaced.',
    }),
    lag: durationOrNone().prefault('none').meta({
      description:
        'Mean delay of the event loop that accepts, over 250 ms. From there on routes of low priority get 503, from twice as much on normal ones.',
    }),
  })
  .prefault({})
  .meta({ description: 'What happens when there is too much.' })

const drain = z
  .strictObject({
    timeout: duration({ min: '0s' })
      .prefault('30s')
      .meta({ description: 'How long sessions in flight may still take after SIGTERM.' }),
    delay: duration({ min: '0s' }).prefault('0s').meta({
      description: 'Time between reporting not ready and no longer accepting, for a load balancer to notice.',
    }),
  })
  .prefault({})
  .meta({ description: 'How the gateway stops.' })

const workerLimits = z
  .strictObject({
    heap: sizeOrNone({ min: '16MiB' })
      .prefault('none')
      .meta({ description: "Heap of a worker's old generation; a worker beyond it is replaced." }),
    watchdog: durationOrNone().prefault('2s').meta({
      description: 'Silence of a worker after which it is replaced; `none` switches the watchdog off.',
    }),
    maxAge: durationOrNone().prefault('none').meta({
      description:
        'Age at which a worker is replaced without losing a request, give or take a tenth so that they do not all go at once.',
    }),
    memory: sizeOrNone({ min: '16MiB' }).prefault('none').meta({
      description:
        'Heap and buffers of a worker together; beyond it the worker is replaced without losing a request.',
    }),
    failedStarts: count(0, 1000).prefault(10).meta({
      description:
        'When every worker has died that often in a row before it was of any use, the gateway ends with exit code 1, so that whoever runs it notices; 10 take about half a minute. 0: never.',
    }),
  })
  .prefault({})
  .meta({ description: 'When a worker thread is given up.' })

const log = z
  .strictObject({
    level: choice(...LOG_LEVELS)
      .prefault('info')
      .meta({ description: 'Least level that is logged.' }),
    format: choice('auto', 'json', 'pretty')
      .prefault('auto')
      .meta({ description: '`auto`: readable on a terminal, JSON lines otherwise.' }),
    access: flag()
      .prefault(true)
      .meta({ description: 'The access log: a line for each session, see `accessLog`.' }),
  })
  .prefault({})
  .meta({ description: 'Logs, on standard output.' })

const UPSTREAM_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/

/** The config: the one source of its types, of the JSON Schema, of the reference in the docs and of the errors. */
export const configSchema = z.strictObject({
  $schema: text().optional().meta({ description: 'Where an editor finds the JSON Schema; has no effect.' }),
  listen: listen.prefault('127.0.0.1:8080').meta({
    description:
      'Where clients connect: `host:port`, `[::1]:8080`, `:8080` (all IPv4 addresses) or `8080` (on 127.0.0.1). Port 0: any that is free.',
  }),
  tls: tlsSchema,
  admin: adminSchema,
  workers: workers.prefault('auto').meta({
    description:
      'Worker threads. `auto`: the cores that the process may use (affinity and cgroup quota) minus one for the acceptor, at least 1.',
  }),
  tunedOn: tunedOnSchema,
  acceptor: choice(...ACCEPTORS)
    .prefault('auto')
    .meta({
      description: '`uws`: uWebSockets.js; `node`: node:http, on every platform; `auto`: uws where it loads.',
    }),
  limits,
  client,
  forwarding,
  paths,
  overload,
  drain,
  workerLimits,
  log,
  telemetry,
  accessLog,
  tracing,
  otlp,
  answers,
  dns: dnsSchema,
  cache: cacheMemory,
  upstreams: z
    .record(z.string().regex(UPSTREAM_NAME), upstreamSchema)
    .meta({ description: 'Groups of peers by name (letters, digits, `_`, `.`, `-`).' }),
  routes: z.array(routeSchema).min(1).optional().meta({
    description:
      'Tried from top to bottom, the first match wins. May be left out with a single upstream, which then serves all.',
  }),
})

/** What a config file may hold; {@link defineConfig} gives it to editors. */
export type UserConfig = z.input<typeof configSchema>

/** A config that passed the schema: units resolved, defaults filled in, references not yet. */
export type ParsedConfig = z.output<typeof configSchema>
