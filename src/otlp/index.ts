export { type OtlpHistogramPoint, type OtlpMetric, startMetricExport } from './metric-export.js'
export { checkOtlpPackages, OtlpMissing } from './otlp-missing.js'
export { type EndedSpan, type SpanExport, startSpanExport } from './span-export.js'
export type { OtlpConfig } from './types.js'
