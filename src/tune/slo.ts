import { InvalidValue, show } from '../config/invalid-value.js'
import type { Latencies } from './types.js'

const PERCENTILES = {
  p50: 'p50Us',
  p90: 'p90Us',
  p95: 'p95Us',
  p99: 'p99Us',
  'p99.9': 'p999Us',
} as const satisfies Readonly<Record<string, keyof Latencies>>

const US_PER = { us: 1, ms: 1000, s: 1_000_000 } as const

/** A promise about latency: this percentile stays below this. */
export interface Slo {
  /** As the user wrote it. */
  readonly text: string
  readonly percentile: (typeof PERCENTILES)[keyof typeof PERCENTILES]
  readonly belowUs: number
}

/**
 * Reads `p99<20ms`: one of p50, p90, p95, p99, p99.9, and a time in us, ms or s.
 * @throws InvalidValue for anything else.
 */
export function parseSlo(text: string): Slo {
  const match = /^(p50|p90|p95|p99|p99\.9)\s*<\s*(\d+(?:\.\d+)?)(us|ms|s)$/.exec(text)
  if (match === null) {
    throw new InvalidValue(
      `expected a percentile and its limit, got ${show(text)}`,
      "e.g. 'p99<20ms'; p50, p90, p95, p99, p99.9",
    )
  }
  const [, percentile, limit, unit] = match
  const belowUs = Number(limit) * US_PER[unit as keyof typeof US_PER]
  if (belowUs === 0) throw new InvalidValue('nothing is faster than 0', "e.g. 'p99<20ms'")
  return { text, percentile: PERCENTILES[percentile as keyof typeof PERCENTILES], belowUs }
}

/** Null when the latencies are not known. */
export function meets(slo: Slo, latencies: Latencies | null): boolean | null {
  return latencies === null ? null : latencies[slo.percentile] < slo.belowUs
}
