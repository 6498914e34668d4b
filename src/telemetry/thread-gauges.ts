/** How a thread does, as it says itself about once a second. */
export interface ThreadLoad {
  /** Share of the last second in which the event loop was busy, 0 to 1. */
  readonly utilization: number
  /** Largest delay of a timer in the last second, ms. */
  readonly delayMs: number
  /** Bytes of its heap in use. */
  readonly heapBytes: number
}

/** Doubles of a row; one cache line, so that threads do not disturb each other. */
const FIELDS = 8
const UTILIZATION = 0
const DELAY = 1
const HEAP = 2
const CONNECTIONS = 3

/** Gauges of threads in shared memory: one row for each, written by that thread alone. Row 0 is the acceptor's, then those of the workers. */
export class ThreadGauges {
  readonly buffer: SharedArrayBuffer
  readonly #fields: Float64Array

  constructor(rows: number, buffer?: SharedArrayBuffer) {
    this.buffer = buffer ?? new SharedArrayBuffer(rows * FIELDS * 8)
    this.#fields = new Float64Array(this.buffer)
  }

  write(row: number, { utilization, delayMs, heapBytes }: ThreadLoad): void {
    this.#fields[row * FIELDS + UTILIZATION] = utilization
    this.#fields[row * FIELDS + DELAY] = delayMs
    this.#fields[row * FIELDS + HEAP] = heapBytes
  }

  /** All zero before the first second is over. */
  read(row: number): ThreadLoad {
    return {
      utilization: this.#fields[row * FIELDS + UTILIZATION] ?? 0,
      delayMs: this.#fields[row * FIELDS + DELAY] ?? 0,
      heapBytes: this.#fields[row * FIELDS + HEAP] ?? 0,
    }
  }

  /** Open client connections; the acceptor's thread says how many. */
  get connections(): number {
    return this.#fields[CONNECTIONS] ?? 0
  }

  set connections(count: number) {
    this.#fields[CONNECTIONS] = count
  }
}
