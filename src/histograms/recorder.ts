import { ANSWER_BLOCK_CELLS, addAnswer } from './answer-buckets.js'
import { slotOf } from './layout.js'
import { PHASE_INDEX, PHASES, type Phase } from './phases.js'
import { HEADER, STRIDE, TOP } from './strides.js'

/** Takes values, one at a time. */
export interface ValueRecorder {
  /** @param valueMs milliseconds with fractions; recorded in whole microseconds */
  record(route: number, phase: Phase, valueMs: number): void
  /** A request has its answer: its `total`, also by method and status. */
  answered(route: number, method: string, status: number, totalMs: number): void
}

/**
 * The writer's end of a `HistogramStore`: plain increments, since nobody else writes these counts. A session has ten values, so that what is the
 * same for all of them is looked up once ({@link Recorder.place}).
 */
export class Recorder implements ValueRecorder {
  readonly #counts: Float64Array
  /** Rows that there is room for: routes behind the last one share it. */
  readonly #rows: number
  /** Where this writer's durations by method and status are, of the first row. */
  readonly #answers: number
  /** Of this writer, in arrays of counts. */
  readonly #first: number
  /** What stands in front of each array, as far as this recorder knows: all of a session on one cache line. */
  readonly #tops: Int32Array

  /** @param counts of the whole store. @param writer only one thread may use a given one. @param answers as of `answersAt` */
  constructor(counts: Float64Array, writer: number, rows: number, answers: number) {
    this.#counts = counts
    this.#rows = rows
    this.#answers = answers
    this.#first = writer * rows * PHASES.length
    this.#tops = new Int32Array(rows * PHASES.length)
  }

  record(route: number, phase: Phase, valueMs: number): void {
    this.put(this.place(route) + PHASE_INDEX[phase], valueMs)
  }

  answered(route: number, method: string, status: number, totalMs: number): void {
    this.record(route, 'total', totalMs)
    this.putAnswer(route, method, status, totalMs)
  }

  /** The part of `answered` beside the phase. */
  putAnswer(route: number, method: string, status: number, totalMs: number): void {
    const row = route < this.#rows ? route : this.#rows - 1
    addAnswer(this.#counts, this.#answers + row * ANSWER_BLOCK_CELLS, method, status, totalMs)
  }

  /** Where the first phase of a route is; the others follow in the order of `PHASES`. */
  place(route: number): number {
    return (route < this.#rows ? route : this.#rows - 1) * PHASES.length
  }

  /** @param place of a route, with the index of a phase added. @param valueMs as of `record` */
  put(place: number, valueMs: number): void {
    const counts = this.#counts
    const slot = slotOf(valueMs * 1000)
    const at = (this.#first + place) * STRIDE + HEADER + slot
    counts[at] = (counts[at] ?? 0) + 1
    if (slot >= (this.#tops[place] ?? 0)) this.#raise(place, slot + 1)
  }

  /** Another recorder of this writer, or a copy, may have raised it before. */
  #raise(place: number, top: number): void {
    const at = (this.#first + place) * STRIDE + TOP
    const highest = Math.max(this.#counts[at] ?? 0, top)
    this.#counts[at] = highest
    this.#tops[place] = highest
  }
}
