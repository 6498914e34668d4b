import { z } from 'zod'
import { ACCESS_LOG_FORMATS } from '../access-log/types.js'
import { InvalidValue, show } from './invalid-value.js'
import { choice, count, duration, durationOrNone, flag, leaf, text } from './leaf.js'
import { percent } from './percent.js'

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/

const fieldName = leaf<string, string>({ $comment: 'header name', type: 'string', minLength: 1 }, (value) => {
  if (typeof value === 'string' && TOKEN.test(value)) return value.toLowerCase()
  throw new InvalidValue(`${show(value)} is not the name of a header`)
})

const secretName = leaf<string, string>({ $comment: 'name', type: 'string', minLength: 1 }, (value) => {
  if (typeof value === 'string' && value !== '') return value.toLowerCase()
  throw new InvalidValue(`${show(value)} is not a name`)
})

const endpoint = leaf<string, string>({ $comment: 'URL', type: 'string', minLength: 1 }, (value) => {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new InvalidValue(`${show(value)} is not a URL`, "for example 'http://127.0.0.1:4318'")
  return url.href.replace(/\/+$/, '')
})

/** The access log. Whether there is one says `log.access`. */
export const accessLog = z
  .strictObject({
    file: text().optional().meta({
      description:
        'Where its lines are appended; a relative name starts from the folder of the config file. Left out: standard output, if `log.level` lets level info through. SIGUSR2 opens the file anew.',
    }),
    format: choice(...ACCESS_LOG_FORMATS)
      .prefault('json')
      .meta({
        description: '`json`: one object a line; `common` and `combined`: the formats of Apache and nginx.',
      }),
    sample: count(1, 1_000_000).prefault(1).meta({
      description: 'One line for so many sessions that ended well and fast. All others always have one.',
    }),
    slow: durationOrNone().prefault('1s').meta({
      description: 'Sessions that took as long as this always have a line; `none`: no session is slow.',
    }),
    headers: z.array(fieldName).prefault([]).meta({
      description: 'Request headers that stand in lines of JSON, under `headers`.',
    }),
    redact: z.array(secretName).prefault([]).meta({
      description:
        'Query parameters and headers whose values are never written, beside those of the list that comes with the gateway.',
    }),
    redactDefaults: flag().prefault(true).meta({
      description: 'Whether that list counts (`token`, `password`, `authorization`, `cookie` and others).',
    }),
  })
  .prefault({})
  .meta({ description: 'How the access log looks and what stands in it.' })

/** What is measured of each session. */
export const telemetry = flag().prefault(true).meta({
  description:
    'Whether latencies are recorded in histograms, and requests counted by route, method and code. `false`: only the plain counters are kept.',
})

/** Distributed traces. */
export const tracing = z
  .strictObject({
    enabled: flag().optional().meta({
      description:
        'Take part in W3C traces: upstreams get a `traceparent` with a span of their own for each attempt. Left out: if `otlp.traces` has somewhere to send spans. Without it such headers are forwarded as they are.',
    }),
    incoming: choice('accept', 'ignore').prefault('accept').meta({
      description:
        '`accept`: traces of clients are carried on, with their decision about sampling. `ignore`: each request begins a trace.',
    }),
    sample: percent()
      .prefault('10%')
      .meta({ description: 'Share of the traces begun here whose spans are exported.' }),
  })
  .prefault({})
  .meta({ description: 'Distributed traces (W3C Trace Context).' })

/** Export to a collector. */
export const otlp = z
  .strictObject({
    endpoint: endpoint.optional().meta({
      description:
        'Collector that takes OTLP over HTTP; `/v1/traces` and `/v1/metrics` are appended. Left out: nothing is exported. Needs the `@opentelemetry` packages beside this one.',
    }),
    traces: flag().prefault(true).meta({ description: 'Export spans.' }),
    metrics: flag().prefault(true).meta({ description: 'Export metrics.' }),
    headers: z.record(z.string(), text()).prefault({}).meta({
      $comment: 'names with values',
      description: 'Headers that the collector wants, such as an API key.',
    }),
    interval: duration({ min: '100ms' })
      .prefault('60s')
      .meta({ description: 'How often metrics are exported; spans leave at least every 5 s.' }),
    timeout: duration({ min: '10ms' }).prefault('10s').meta({ description: 'How long an export may take.' }),
    service: text().prefault('headgate').meta({ description: '`service.name` of what is exported.' }),
  })
  .prefault({})
  .meta({ description: 'Export of traces and metrics to OpenTelemetry.' })

/** What answers tell about the gateway. */
export const answers = z
  .strictObject({
    serverTiming: flag().prefault(false).meta({
      description:
        '`Server-Timing` in all answers but those to refused requests: where the time went, for the developer tools of browsers.',
    }),
    cacheStatus: flag().prefault(true).meta({
      description:
        '`Cache-Status` (RFC 9211) in answers of routes with a cache: hit, or why the upstream was asked.',
    }),
    proxyStatus: flag().prefault(true).meta({
      description:
        '`Proxy-Status` (RFC 9209) in error answers: the reason, as in log and metrics. Answers to refused requests always have it.',
    }),
  })
  .prefault({})
  .meta({ description: 'What answers tell about the gateway.' })
