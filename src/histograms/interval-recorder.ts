import type { Float64Histogram } from 'hdr-histogram-js'
import { type HistogramStore, histogramOf } from './histogram-store.js'
import { SLOTS } from './layout.js'
import { PHASES, type Phase } from './phases.js'

/** Lengths of the windows that are kept beside the totals, seconds. */
export const WINDOWS_S = [1, 10, 60] as const
export type WindowS = (typeof WINDOWS_S)[number]

const KEPT = Math.max(...WINDOWS_S)
const BLOCK = 1024

/** What came to one histogram within one interval. */
interface Delta {
  readonly slots: Uint16Array
  readonly counts: Uint32Array
}

const NOTHING: Delta = { slots: new Uint16Array(0), counts: new Uint32Array(0) }

/** One route and phase: its counts at the end of the last interval, and what came in each of those before. */
interface Series {
  /** Blocks that hold nothing but zeros are absent. */
  readonly blocks: (Float64Array | undefined)[]
  /** A ring: interval N lies at N modulo {@link KEPT}. */
  readonly deltas: Delta[]
}

/** One interval of the log. */
export interface IntervalSpan {
  readonly startMs: number
  readonly endMs: number
}

/**
 * Cuts the shared counts into intervals: what was recorded between two ticks is kept as a list of the slots that grew, for the last
 * minute. Belongs to one reading thread; the writers know nothing of it.
 */
export class IntervalRecorder {
  readonly #store: HistogramStore
  readonly #series: Series[]
  readonly #spans: IntervalSpan[] = []
  readonly #slots = new Uint16Array(SLOTS)
  readonly #counts = new Uint32Array(SLOTS)
  #ticks = 0
  #lastMs: number

  /** @param nowMs milliseconds since 1970: the first interval begins here, with what the store holds */
  constructor(store: HistogramStore, nowMs: number) {
    this.#store = store
    this.#lastMs = nowMs
    this.#series = Array.from({ length: store.routes * PHASES.length }, () => ({ blocks: [], deltas: [] }))
    for (let route = 0; route < store.routes; route += 1) for (const phase of PHASES) this.#grow(route, phase)
  }

  /** Ends the interval. @param isActive false: nothing can have been recorded on this route, so it is not looked at */
  tick(nowMs: number, isActive: (route: number) => boolean = () => true): void {
    const at = this.#ticks % KEPT
    for (let route = 0; route < this.#store.routes; route += 1) {
      const active = isActive(route)
      for (const phase of PHASES)
        this.#at(route, phase).deltas[at] = active ? this.#grow(route, phase) : NOTHING
    }
    this.#spans[at] = { startMs: this.#lastMs, endMs: nowMs }
    this.#lastMs = nowMs
    this.#ticks += 1
  }

  /** What was recorded within the last intervals. @param route null: all routes. @param seconds intervals, at most 60 */
  merged(phase: Phase, route: number | null, seconds: number): Float64Histogram {
    const counts = new Float64Array(SLOTS)
    this.addCounts(phase, route, seconds, counts)
    return histogramOf(counts)
  }

  /** As {@link merged}, added to `into`, which has {@link SLOTS} slots. @returns values that were added */
  addCounts(phase: Phase, route: number | null, seconds: number, into: Float64Array): number {
    const intervals = Math.min(seconds, this.#ticks, KEPT)
    let added = 0
    for (let back = 1; back <= intervals; back += 1)
      added += this.#addTick(into, phase, route, this.#ticks - back)
    return added
  }

  /** Each of the last intervals, oldest first. */
  *intervals(
    phase: Phase,
    route: number,
    seconds: number,
  ): Generator<{ readonly span: IntervalSpan; readonly histogram: Float64Histogram }> {
    for (let back = Math.min(seconds, this.#ticks, KEPT); back >= 1; back -= 1) {
      const span = this.#spans[(this.#ticks - back) % KEPT]
      if (span === undefined) continue
      const counts = new Float64Array(SLOTS)
      this.#addTick(counts, phase, route, this.#ticks - back)
      yield { span, histogram: histogramOf(counts) }
    }
  }

  #addTick(into: Float64Array, phase: Phase, route: number | null, tick: number): number {
    let added = 0
    const first = route ?? 0
    const last = route ?? this.#store.routes - 1
    for (let index = first; index <= last; index += 1) {
      const { slots, counts } = this.#at(index, phase).deltas[tick % KEPT] ?? NOTHING
      for (let i = 0; i < slots.length; i += 1) {
        const slot = slots[i] ?? 0
        const count = counts[i] ?? 0
        into[slot] = (into[slot] ?? 0) + count
        added += count
      }
    }
    return added
  }

  #at(route: number, phase: Phase): Series {
    const series = this.#series[route * PHASES.length + PHASES.indexOf(phase)]
    if (series === undefined) throw new RangeError(`there is no route ${route}`)
    return series
  }

  /** Brings the kept counts up to date. @returns what came */
  #grow(route: number, phase: Phase): Delta {
    const { blocks } = this.#at(route, phase)
    const views: Float64Array[] = []
    let top = 0
    for (let writer = 0; writer < this.#store.writers; writer += 1) {
      const view = this.#store.countsOf(writer, route, phase)
      if (view.length > 0) views.push(view)
      top = Math.max(top, view.length)
    }
    let found = 0
    for (let slot = 0; slot < top; slot += 1) {
      let count = 0
      for (const view of views) count += slot < view.length ? (view[slot] ?? 0) : 0
      if (count === 0) continue
      const block = blocks[slot >> 10] ?? new Float64Array(BLOCK)
      blocks[slot >> 10] = block
      const came = count - (block[slot & (BLOCK - 1)] ?? 0)
      if (came === 0) continue
      block[slot & (BLOCK - 1)] = count
      this.#slots[found] = slot
      this.#counts[found] = came
      found += 1
    }
    if (found === 0) return NOTHING
    return { slots: this.#slots.slice(0, found), counts: this.#counts.slice(0, found) }
  }
}
