import type { Attributes, HrTime } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { OtlpQueue } from './otlp-queue.js'
import { hrTime, packageScope, resourceOf } from './resource.js'
import type { OtlpConfig } from './types.js'

/** A span that has ended. Times are milliseconds of the gateway's clock. */
export interface EndedSpan {
  readonly traceId: string
  readonly spanId: string
  /** '' for the root of a trace. */
  readonly parentSpanId: string
  /** The parent is the client's. */
  readonly isRemoteParent: boolean
  readonly kind: 'server' | 'client'
  readonly name: string
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Attributes
  /** Why it failed; '' when it did not. */
  readonly error: string
}

/** Of `SpanKind` and `SpanStatusCode` of the OpenTelemetry API, which is not loaded for them. */
const KIND = { server: 1, client: 2 } as const
const UNSET = 0
const ERROR = 2
const SAMPLED = 1

/** Takes spans to the collector, in batches. */
export interface SpanExport {
  add(span: EndedSpan): void
  /** Sends what is left. */
  close(): Promise<void>
}

/** @param url of the collector's traces. @param onProblem an export failed, or spans were dropped */
export async function startSpanExport(
  config: OtlpConfig,
  url: string,
  onProblem: (message: string, lost: number) => void,
): Promise<SpanExport> {
  const [{ OTLPTraceExporter }, resource] = await Promise.all([
    import('@opentelemetry/exporter-trace-otlp-http'),
    resourceOf(config),
  ])
  const exporter = new OTLPTraceExporter({
    url,
    headers: { ...config.headers },
    timeoutMillis: config.timeoutMs,
  })
  const queue = new OtlpQueue<ReadableSpan>((spans, done) => exporter.export(spans, done), onProblem)
  return {
    add(span) {
      queue.add({
        name: span.name,
        kind: KIND[span.kind],
        spanContext: () => ({ traceId: span.traceId, spanId: span.spanId, traceFlags: SAMPLED }),
        ...(span.parentSpanId === ''
          ? {}
          : {
              parentSpanContext: {
                traceId: span.traceId,
                spanId: span.parentSpanId,
                traceFlags: SAMPLED,
                isRemote: span.isRemoteParent,
              },
            }),
        startTime: hrTime(span.startMs),
        endTime: hrTime(span.endMs),
        duration: lengthOf(span),
        status: span.error === '' ? { code: UNSET } : { code: ERROR, message: span.error },
        attributes: span.attributes,
        links: [],
        events: [],
        ended: true,
        resource,
        instrumentationScope: packageScope(),
        droppedAttributesCount: 0,
        droppedEventsCount: 0,
        droppedLinksCount: 0,
      })
    },
    async close() {
      await queue.close()
      await exporter.shutdown()
    },
  }
}

function lengthOf({ startMs, endMs }: EndedSpan): HrTime {
  return hrTime(Math.max(0, endMs - startMs))
}
