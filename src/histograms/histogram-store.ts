import { Int32Histogram } from 'hdr-histogram-js'
import { HIGHEST_US, LOWEST_US, SIGNIFICANT_DIGITS, SLOTS, slotOf } from './layout.js'

/**
 * What is measured of a session: waiting for the worker, the upstream from connection to last byte, all of it.
 */
export const PHASES = ['queue', 'upstream', 'total'] as const
export type Phase = (typeof PHASES)[number]

const PHASE_INDEX: Readonly<Record<Phase, number>> = { queue: 0, upstream: 1, total: 2 }

/**
 * HDR histograms in shared memory: one array of counts for each writer, route and phase. Each array has one writer, which
 * increments plainly; readers may look at any time. Untouched counts cost no memory, since the pages are never written.
 */
export class HistogramStore {
  readonly buffer: SharedArrayBuffer
  readonly writers: number
  readonly routes: number
  readonly #counts: Uint32Array

  constructor(writers: number, routes: number, buffer?: SharedArrayBuffer) {
    this.writers = writers
    this.routes = routes
    this.buffer = buffer ?? new SharedArrayBuffer(writers * routes * PHASES.length * SLOTS * 4)
    this.#counts = new Uint32Array(this.buffer)
  }

  /** The writer's end. Only one thread may use a given `writer`. */
  recorder(writer: number): Recorder {
    const counts = this.#counts
    const routes = this.routes
    return {
      record(route, phase, valueMs) {
        const base = ((writer * routes + route) * PHASES.length + PHASE_INDEX[phase]) * SLOTS
        const at = base + slotOf(valueMs * 1000)
        counts[at] = (counts[at] ?? 0) + 1
      },
    }
  }

  /**
   * Takes over the counts of one writer for one route from another store, in place of its own: nobody may write these at the time. Without
   * counts no page is touched.
   */
  copy(writer: number, route: number, from: HistogramStore, fromRoute: number): void {
    const length = PHASES.length * SLOTS
    const source = from.#base(writer, fromRoute)
    const counts = from.#counts.subarray(source, source + length)
    if (counts.some((count) => count > 0)) this.#counts.set(counts, this.#base(writer, route))
  }

  #base(writer: number, route: number): number {
    return (writer * this.routes + route) * PHASES.length * SLOTS
  }

  /** Merges all writers' counts into a histogram of the library, for percentiles and export. @param route null: all routes */
  merged(phase: Phase, route: number | null = null): Int32Histogram {
    const histogram = new Int32Histogram(LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS)
    for (let writer = 0; writer < this.writers; writer += 1) {
      for (let index = 0; index < this.routes; index += 1) {
        if (route !== null && route !== index) continue
        const base = ((writer * this.routes + index) * PHASES.length + PHASE_INDEX[phase]) * SLOTS
        for (let slot = 0; slot < SLOTS; slot += 1) {
          const count = this.#counts[base + slot] ?? 0
          if (count > 0) histogram.addToCountAtIndex(slot, count)
        }
      }
    }
    histogram.establishInternalTackingValues()
    return histogram
  }
}

export interface Recorder {
  /** @param valueMs milliseconds with fractions; recorded in whole microseconds */
  record(route: number, phase: Phase, valueMs: number): void
}
