import type { GeneratorHealth } from './types.js'

/** Beyond this share of a core the generator may be what limits the throughput. */
const BUSY_LIMIT = 0.8
/** Lateness that never matters, and the share of the measured 99th percentile up to which it does not. */
const LATE_FLOOR_US = 1000
const LATE_SHARE = 0.1

/**
 * Reasons not to believe a run: a generator that was busy or late measured itself.
 * @param responseP99Us the 99th percentile that the run shows.
 */
export function refusalsOf(health: GeneratorHealth, responseP99Us: number): string[] {
  const refusals: string[] = []
  if (health.cpuShare > BUSY_LIMIT) {
    refusals.push(
      `the generator used ${percent(health.cpuShare)} of a core, more than ${percent(BUSY_LIMIT)}`,
    )
  }
  const limitUs = Math.max(LATE_FLOOR_US, responseP99Us * LATE_SHARE)
  if (health.lateP99Us > limitUs) {
    const text = `the generator was late itself: 99th percentile ${ms(health.lateP99Us)}`
    refusals.push(`${text}, allowed ${ms(limitUs)}`)
  }
  return refusals
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

function ms(us: number): string {
  return `${(us / 1000).toFixed(1)} ms`
}
