import type { Float64Histogram } from 'hdr-histogram-js'
import { ANSWER_BLOCK_CELLS, AnswerSums } from './answer-buckets.js'
import { hdr } from './hdr.js'
import { HIGHEST_US, LOWEST_US, SIGNIFICANT_DIGITS, SLOTS } from './layout.js'
import { PHASE_INDEX, PHASES, type Phase } from './phases.js'
import { Recorder } from './recorder.js'
import { HEADER, STRIDE, TOP } from './strides.js'

/** Largest buffer: Node 20 makes none of 4 GiB. */
const MAX_BYTES = 2 ** 31

/**
 * HDR histograms in shared memory: one array of counts for each writer, route and phase. Each array has one writer, which
 * increments plainly; readers may look at any time. Untouched counts cost no memory, since the pages are never written. Counts are doubles, because 32 bits
 * overflow within a day at 50,000 values a second in one slot.
 */
export class HistogramStore {
  readonly buffer: SharedArrayBuffer
  readonly writers: number
  /** Rows of routes. */
  readonly routes: number
  /** Rows that there is room for: routes behind the last one share it. */
  readonly #rows: number
  readonly #counts: Float64Array

  /** @param buffer of a store of the same shape, perhaps in another thread */
  constructor(writers: number, routes: number, buffer?: SharedArrayBuffer) {
    this.writers = writers
    this.routes = routes
    const rowBytes = writers * (PHASES.length * STRIDE + ANSWER_BLOCK_CELLS) * 8
    this.#rows = Math.max(1, Math.min(routes, Math.floor(MAX_BYTES / rowBytes)))
    this.buffer = buffer ?? new SharedArrayBuffer(this.#rows * rowBytes)
    this.#counts = new Float64Array(this.buffer)
  }

  /** The writer's end. Only one thread may use a given `writer`. */
  recorder(writer: number): Recorder {
    return new Recorder(this.#counts, writer, this.#rows, this.#answersAt(writer, 0))
  }

  /**
   * Takes over the counts of one writer for one route from another store, in place of its own: nobody may write these at the time. Without
   * counts no page is touched; routes that share another one's row are left out.
   */
  copy(writer: number, route: number, from: HistogramStore, fromRoute: number): void {
    if (route >= this.#rows || fromRoute >= from.#rows) return
    const answers = from.#answersAt(writer, fromRoute)
    // Without any there is nothing in its `total` either.
    if (
      (from.#counts[((writer * from.#rows + fromRoute) * PHASES.length + PHASE_INDEX.total) * STRIDE + TOP] ??
        0) > 0
    )
      this.#counts.set(
        from.#counts.subarray(answers, answers + ANSWER_BLOCK_CELLS),
        this.#answersAt(writer, route),
      )
    for (let phase = 0; phase < PHASES.length; phase += 1) {
      const source = ((writer * from.#rows + fromRoute) * PHASES.length + phase) * STRIDE
      const top = from.#counts[source + TOP] ?? 0
      if (top === 0) continue
      const target = ((writer * this.#rows + route) * PHASES.length + phase) * STRIDE
      this.#counts.set(from.#counts.subarray(source + HEADER, source + HEADER + top), target + HEADER)
      // It never sinks: recorders remember how high it was.
      this.#counts[target + TOP] = Math.max(this.#counts[target + TOP] ?? 0, top)
    }
  }

  /** Durations of a route's requests by method and status, over all writers. Of routes that share a row the last of the rows with room has all. */
  answers(route: number): AnswerSums {
    const sums = new AnswerSums()
    if (route < this.#rows)
      for (let writer = 0; writer < this.writers; writer += 1)
        sums.addBlock(this.#counts, this.#answersAt(writer, route))
    return sums
  }

  /** Behind all counts of phases. */
  #answersAt(writer: number, row: number): number {
    const { writers } = this
    const phases = writers * this.#rows * PHASES.length * STRIDE
    return phases + (writer * this.#rows + row) * ANSWER_BLOCK_CELLS
  }

  /** The counts of one writer, up to the highest value that it has recorded so far. Empty for a route that shares another one's row. */
  countsOf(writer: number, route: number, phase: Phase): Float64Array {
    if (route >= this.#rows) return this.#counts.subarray(0, 0)
    const base = ((writer * this.#rows + route) * PHASES.length + PHASE_INDEX[phase]) * STRIDE
    return this.#counts.subarray(base + HEADER, base + HEADER + (this.#counts[base + TOP] ?? 0))
  }

  /**
   * Merges all writers' counts into a histogram of the library, for percentiles and export. Values are microseconds.
   * @param route null: all routes
   */
  merged(phase: Phase, route: number | null = null): Float64Histogram {
    const counts = new Float64Array(SLOTS)
    this.addCounts(phase, route, counts)
    return histogramOf(counts)
  }

  /** Adds the counts of all writers to `into`, which has {@link SLOTS} slots. @returns values that were added */
  addCounts(phase: Phase, route: number | null, into: Float64Array): number {
    let added = 0
    const last = this.#rows - 1
    const from = route === null ? 0 : Math.min(route, last)
    // Routes that share the last row stand there once.
    if (route !== null && route > last) return 0
    const to = route === null ? last : from
    for (let writer = 0; writer < this.writers; writer += 1) {
      for (let row = from; row <= to; row += 1) {
        const base = ((writer * this.#rows + row) * PHASES.length + PHASE_INDEX[phase]) * STRIDE
        const top = this.#counts[base + TOP] ?? 0
        for (let slot = 0; slot < top; slot += 1) {
          const count = this.#counts[base + HEADER + slot] ?? 0
          if (count === 0) continue
          into[slot] = (into[slot] ?? 0) + count
          added += count
        }
      }
    }
    return added
  }
}

/** A histogram of the library over counts that lie as {@link HistogramStore} lays them. @param counts becomes its own */
export function histogramOf(counts: Float64Array): Float64Histogram {
  const histogram = emptyHistogram()
  histogram._counts = counts
  histogram.establishInternalTackingValues()
  return histogram
}

export function emptyHistogram(): Float64Histogram {
  const { Float64Histogram } = hdr()
  return new Float64Histogram(LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS)
}
