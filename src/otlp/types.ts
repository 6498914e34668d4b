/** Where spans and metrics go. Plain data. */
export interface OtlpConfig {
  /** Null: no spans are exported. */
  readonly tracesUrl: string | null
  /** Null: no metrics are exported. */
  readonly metricsUrl: string | null
  readonly headers: Readonly<Record<string, string>>
  /** Between two exports of metrics. */
  readonly intervalMs: number
  /** Of one export. */
  readonly timeoutMs: number
  /** `service.name`. */
  readonly service: string
}
