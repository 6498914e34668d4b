import { median, spread } from './stats.mjs'

/** Losses that fail: shares of the base's throughput and of its 95th percentile. */
export const LIMITS = { throughput: 0.05, p95: 0.1 }
/** Fewer pairs of rounds than these tell nothing. */
const LEAST_ROUNDS = 3

/**
 * Compares rounds of two builds pair by pair, which cancels what the machine did meanwhile, and takes the median of the ratios. Rounds that do not
 * count are left out, with their partners; with too few left there is no verdict, which is no pass.
 * @param measured `{ base, candidate }`: lists of `{ closed: { perSecond, void }, open: { response: { p95Us }, void } }`, as long as each other
 * @returns `{ passed, changes: [{ what, ratio, failed, text }] }`
 */
export function judge({ base, candidate }) {
  const changes = [
    change(
      'throughput',
      base,
      candidate,
      ({ closed }) => closed,
      ({ perSecond }) => perSecond,
      (ratio) => ratio < 1 - LIMITS.throughput,
    ),
    change(
      'p95',
      base,
      candidate,
      ({ open }) => open,
      ({ response }) => response.p95Us,
      (ratio) => ratio > 1 + LIMITS.p95,
    ),
  ]
  return { passed: changes.every(({ failed }) => !failed), changes }
}

function change(what, base, candidate, partOf, numberOf, isLoss) {
  const ratios = base.flatMap((round, index) => {
    const [before, after] = [partOf(round), partOf(candidate[index])]
    return before.void.length === 0 && after.void.length === 0 ? [numberOf(after) / numberOf(before)] : []
  })
  if (ratios.length < LEAST_ROUNDS) {
    return {
      what,
      ratio: null,
      failed: true,
      text: `${what}: no verdict, only ${ratios.length} pairs of rounds count`,
    }
  }
  const ratio = median(ratios)
  const failed = isLoss(ratio)
  return {
    what,
    ratio,
    failed,
    text: `${what}: candidate / base ${spread(ratios)}${failed ? ', more than allowed' : ''}`,
  }
}
