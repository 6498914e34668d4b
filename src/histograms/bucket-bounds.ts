/**
 * Upper bounds of the classic buckets, seconds: those that OpenTelemetry recommends for durations of HTTP requests, and four below them
 * for what a gateway itself takes.
 */
export const BUCKET_BOUNDS_S: readonly number[] = [
  0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
]
