import { BUCKET_BOUNDS_S } from './bucket-bounds.js'
import type { HistogramStore } from './histogram-store.js'
import { middleOf, slotOf } from './layout.js'
import type { Phase } from './phases.js'

/** A histogram as Prometheus has it. */
export interface ClassicHistogram {
  /** Values up to each bound of {@link BUCKET_BOUNDS_S}; exact to three significant digits. */
  readonly cumulative: readonly number[]
  readonly count: number
  readonly sumS: number
}

const BOUND_SLOTS = BUCKET_BOUNDS_S.map((boundS) => slotOf(boundS * 1e6))

/** Counts one route and phase over all writers into buckets. */
export function classicHistogram(store: HistogramStore, route: number, phase: Phase): ClassicHistogram {
  const inBucket = new Array<number>(BOUND_SLOTS.length + 1).fill(0)
  let sumUs = 0
  let count = 0
  for (let writer = 0; writer < store.writers; writer += 1) {
    const counts = store.countsOf(writer, route, phase)
    let bucket = 0
    for (let slot = 0; slot < counts.length; slot += 1) {
      const found = counts[slot] ?? 0
      if (found === 0) continue
      while (bucket < BOUND_SLOTS.length && slot > (BOUND_SLOTS[bucket] ?? 0)) bucket += 1
      inBucket[bucket] = (inBucket[bucket] ?? 0) + found
      count += found
      sumUs += found * middleOf(slot)
    }
  }
  let upTo = 0
  const cumulative = BOUND_SLOTS.map((_, index) => {
    upTo += inBucket[index] ?? 0
    return upTo
  })
  return { cumulative, count, sumS: sumUs / 1e6 }
}
