import { ANSWER_BLOCK_CELLS, AnswerSums, addAnswer } from '../histograms/index.js'
import { REASONS, type Reason } from '../session/errors.js'

const FIRST_STATUS = 100
const LAST_STATUS = 599
/** One for each status, and one behind them for statuses that HTTP does not know. */
const STATUSES = LAST_STATUS - FIRST_STATUS + 2
const FAILURES = STATUSES
/** Gauges of connections. */
const ACTIVE = FAILURES + REASONS.length
const IDLE = ACTIVE + 1
const RETRIES = IDLE + 1
/** Whole cache lines. */
const CELLS = Math.ceil((RETRIES + 1) / 8) * 8
/** Beyond this durations by method and status are not kept: so many upstreams and workers are rare. */
const MAX_BYTES = 2 ** 30

const REASON_INDEX: ReadonlyMap<Reason, number> = new Map(REASONS.map((reason, index) => [reason, index]))

/** What one thread counts of one upstream. */
export interface AttemptCounts {
  /** An attempt has got the head of an answer. */
  answered(status: number): void
  /** An attempt has failed, before or behind the head. */
  failed(reason: Reason): void
  /** An attempt behind the first of its session begins. */
  retried(): void
  /** An attempt is over. @param status 0: there was no answer. @param lengthMs since there was a connection */
  ended(method: string, status: number, lengthMs: number): void
  /** Connections at the moment. */
  setConnections(active: number, idle: number): void
}

/** Of one upstream, over all threads. */
export interface UpstreamTotals {
  /** By status; -1: no HTTP status. */
  readonly answers: ReadonlyMap<number, number>
  readonly failures: ReadonlyMap<Reason, number>
  readonly retries: number
  /** Of attempts. */
  readonly durations: AnswerSums
}

/**
 * Attempts by upstream, in shared memory: a row for each worker that only it writes. Counts are doubles, exact to 2^53; pages that nobody writes take
 * no memory.
 */
export class UpstreamCounts {
  readonly buffer: SharedArrayBuffer
  readonly #workers: number
  readonly #upstreams: number
  readonly #cells: Float64Array
  /** Doubles of one worker and upstream. */
  readonly #stride: number

  /** @param buffer of an instance of the same shape */
  constructor(workers: number, upstreams: number, buffer?: SharedArrayBuffer) {
    this.#workers = workers
    this.#upstreams = upstreams
    const rows = Math.max(1, workers * upstreams)
    const stride = CELLS + ANSWER_BLOCK_CELLS
    this.#stride = rows * stride * 8 > MAX_BYTES ? CELLS : stride
    this.buffer = buffer ?? new SharedArrayBuffer(rows * this.#stride * 8)
    this.#cells = new Float64Array(this.buffer)
  }

  /** The end of one worker, for one upstream by its place in the configuration. */
  of(worker: number, upstream: number): AttemptCounts {
    const cells = this.#cells
    const base = this.#base(worker, upstream)
    const keepsDurations = this.#stride > CELLS
    return {
      answered(status) {
        const known = status >= FIRST_STATUS && status <= LAST_STATUS
        const at = base + (known ? status - FIRST_STATUS : STATUSES - 1)
        cells[at] = (cells[at] ?? 0) + 1
      },
      failed(reason) {
        const at = base + FAILURES + (REASON_INDEX.get(reason) ?? 0)
        cells[at] = (cells[at] ?? 0) + 1
      },
      retried() {
        cells[base + RETRIES] = (cells[base + RETRIES] ?? 0) + 1
      },
      ended(method, status, lengthMs) {
        if (keepsDurations) addAnswer(cells, base + CELLS, method, status, lengthMs)
      },
      setConnections(active, idle) {
        cells[base + ACTIVE] = active
        cells[base + IDLE] = idle
      },
    }
  }

  totals(upstream: number): UpstreamTotals {
    const answers = new Map<number, number>()
    const failures = new Map<Reason, number>()
    const durations = new AnswerSums()
    let retries = 0
    for (let worker = 0; worker < this.#workers; worker += 1) {
      const base = this.#base(worker, upstream)
      for (let column = 0; column < STATUSES; column += 1) {
        const count = this.#cells[base + column] ?? 0
        if (count === 0) continue
        const status = column === STATUSES - 1 ? -1 : column + FIRST_STATUS
        answers.set(status, (answers.get(status) ?? 0) + count)
      }
      retries += this.#cells[base + RETRIES] ?? 0
      if (this.#stride > CELLS) durations.addBlock(this.#cells, base + CELLS)
      for (const [reason, index] of REASON_INDEX) {
        const count = this.#cells[base + FAILURES + index] ?? 0
        if (count > 0) failures.set(reason, (failures.get(reason) ?? 0) + count)
      }
    }
    return { answers, failures, retries, durations }
  }

  /** @param isAlive of a worker: what a dead one said last does not count */
  connections(
    upstream: number,
    isAlive: (worker: number) => boolean,
  ): { readonly active: number; readonly idle: number } {
    let active = 0
    let idle = 0
    for (let worker = 0; worker < this.#workers; worker += 1) {
      if (!isAlive(worker)) continue
      const base = this.#base(worker, upstream)
      active += this.#cells[base + ACTIVE] ?? 0
      idle += this.#cells[base + IDLE] ?? 0
    }
    return { active, idle }
  }

  #base(worker: number, upstream: number): number {
    return (worker * this.#upstreams + upstream) * this.#stride
  }
}
