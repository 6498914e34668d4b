import { resolve } from 'node:path'
import { SECRET_NAMES } from '../access-log/redactor.js'
import type { ResolveContext } from './resolve-context.js'
import type { ParsedConfig } from './schema.js'
import type { GatewayConfig } from './types.js'

type Observability = Pick<GatewayConfig, 'telemetry' | 'accessLog' | 'tracing' | 'otlp' | 'answers'>

/** Levels that let lines of level info through. */
const SHOWS_INFO: ReadonlySet<string> = new Set(['trace', 'debug', 'info'])

/** The keys `telemetry`, `accessLog`, `tracing`, `otlp` and `answers`. */
export function resolveObservability(parsed: ParsedConfig, context: ResolveContext): Observability {
  const { telemetry, accessLog, tracing, otlp, answers, log } = parsed
  const { file, format, sample, slow, headers, redact, redactDefaults } = accessLog
  const isLogged = log.access && (file !== undefined || SHOWS_INFO.has(log.level))
  if (file !== undefined && !log.access) {
    const message = 'there is no access log: log.access is false'
    context.report('no-effect', ['accessLog', 'file'], message, { severity: 'warning' })
  }
  const exports = otlp.endpoint !== undefined && otlp.traces
  const isTraced = tracing.enabled ?? exports
  if (exports && !isTraced) {
    const message = 'no spans are exported: tracing.enabled is false'
    context.report('no-effect', ['tracing', 'enabled'], message, { severity: 'warning' })
  }
  return {
    telemetry,
    ...(isLogged
      ? {
          accessLog: {
            file: file === undefined ? null : resolve(context.baseFolder, file),
            format,
            sample,
            slowMs: slow,
            headers,
            redact: [...new Set([...redact, ...(redactDefaults ? SECRET_NAMES : [])])],
          },
        }
      : {}),
    ...(isTraced
      ? { tracing: { acceptIncoming: tracing.incoming === 'accept', sampleShare: tracing.sample } }
      : {}),
    ...(otlp.endpoint === undefined
      ? {}
      : {
          otlp: {
            tracesUrl: exports && isTraced ? `${otlp.endpoint}/v1/traces` : null,
            metricsUrl: otlp.metrics ? `${otlp.endpoint}/v1/metrics` : null,
            headers: otlp.headers,
            intervalMs: otlp.interval,
            timeoutMs: otlp.timeout,
            service: otlp.service,
          },
        }),
    answers,
  }
}
