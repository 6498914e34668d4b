import type { Attributes } from '@opentelemetry/api'
import type { DataPoint, Histogram, MetricData, ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { JsHistogram } from 'hdr-histogram-js'
import { BUCKET_BOUNDS_S, explicitBuckets } from './explicit-buckets.js'
import { hrTime, packageScope, resourceOf } from './resource.js'
import type { OtlpConfig } from './types.js'

/** One number or histogram of the gateway, in the form in which its memory has it. */
export type OtlpMetric =
  | {
      readonly kind: 'sum' | 'gauge'
      readonly name: string
      readonly unit: string
      readonly description: string
      readonly points: readonly { readonly attributes: Attributes; readonly value: number }[]
    }
  | {
      /** In seconds. */
      readonly kind: 'histogram'
      readonly name: string
      readonly description: string
      readonly points: readonly OtlpHistogramPoint[]
    }

/** A histogram of microseconds, or counts between the bounds of `BUCKET_BOUNDS_S` and beyond the last. */
export type OtlpHistogramPoint = { readonly attributes: Attributes } & (
  | { readonly histogram: JsHistogram }
  | { readonly counts: readonly number[]; readonly count: number; readonly sumS: number }
)

/** Values of the enumerations of the SDK, whose types alone are needed. */
const SUM = 3
const GAUGE = 2
const HISTOGRAM = 0
const CUMULATIVE = 1
const DOUBLE = 1

/**
 * Sends the gateway's numbers to a collector, all that were counted since the start each time.
 * @param url of the collector's metrics. @param read what there is
 * @returns stops, with a last export
 */
export async function startMetricExport(
  config: OtlpConfig,
  url: string,
  read: () => readonly OtlpMetric[],
  onProblem: (message: string) => void,
): Promise<() => Promise<void>> {
  const [{ OTLPMetricExporter }, resource] = await Promise.all([
    import('@opentelemetry/exporter-metrics-otlp-http'),
    resourceOf(config),
  ])
  const exporter = new OTLPMetricExporter({
    url,
    headers: { ...config.headers },
    timeoutMillis: config.timeoutMs,
  })
  const startMs = Date.now()
  let isBusy = false
  const send = (): Promise<void> =>
    new Promise((resolve) => {
      const metrics = read().map((metric) => metricData(metric, startMs, Date.now()))
      const whole: ResourceMetrics = { resource, scopeMetrics: [{ scope: packageScope(), metrics }] }
      isBusy = true
      exporter.export(whole, ({ code, error }) => {
        isBusy = false
        if (code !== 0) onProblem(error?.message ?? 'the collector did not take them')
        resolve()
      })
    })
  const timer = setInterval(() => {
    if (!isBusy) void send()
  }, config.intervalMs)
  return async () => {
    clearInterval(timer)
    await send()
    await exporter.shutdown()
  }
}

function metricData(metric: OtlpMetric, startMs: number, nowMs: number): MetricData {
  const times = { startTime: hrTime(startMs), endTime: hrTime(nowMs) }
  const descriptor = {
    name: metric.name,
    description: metric.description,
    unit: metric.kind === 'histogram' ? 's' : metric.unit,
    valueType: DOUBLE,
  }
  if (metric.kind === 'histogram') {
    const dataPoints = metric.points.map(
      (point): DataPoint<Histogram> => ({
        ...times,
        attributes: point.attributes,
        value: histogramValue(point),
      }),
    )
    return { descriptor, aggregationTemporality: CUMULATIVE, dataPointType: HISTOGRAM, dataPoints }
  }
  const dataPoints = metric.points.map(({ attributes, value }) => ({ ...times, attributes, value }))
  const shared = { descriptor, aggregationTemporality: CUMULATIVE, dataPoints } as const
  return metric.kind === 'sum'
    ? { ...shared, dataPointType: SUM, isMonotonic: true }
    : { ...shared, dataPointType: GAUGE }
}

function histogramValue(point: OtlpHistogramPoint): Histogram {
  const boundaries = [...BUCKET_BOUNDS_S]
  if (!('histogram' in point))
    return { buckets: { boundaries, counts: [...point.counts] }, count: point.count, sum: point.sumS }
  const { histogram } = point
  return {
    buckets: { boundaries, counts: explicitBuckets(histogram) },
    count: histogram.totalCount,
    sum: (histogram.mean * histogram.totalCount) / 1e6,
    max: histogram.maxValue / 1e6,
  }
}
