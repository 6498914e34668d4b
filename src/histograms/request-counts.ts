/** Values of the label `method`: what a client may invent is counted as `_OTHER`. */
export const METHOD_LABELS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'QUERY',
  '_OTHER',
] as const

const OTHER = METHOD_LABELS.length - 1
const METHODS: ReadonlyMap<string, number> = new Map(METHOD_LABELS.map((method, index) => [method, index]))
const FIRST_STATUS = 100
/** Place 0: no status was sent. */
const CODES = 1 + 600 - FIRST_STATUS

/** How many requests ended in one way. */
export interface RequestSample {
  /** Row, as of `rowNames`. */
  readonly route: number
  readonly method: (typeof METHOD_LABELS)[number]
  /** Three digits, or `none` for requests whose client left before a status was sent. */
  readonly code: string
  readonly count: number
}

/**
 * Requests that have ended, by route, method and status, in shared memory: each exactly once, with the status that its client was sent. The acceptor's thread
 * is the one writer, since every session ends there.
 */
export class RequestCounts {
  readonly buffer: SharedArrayBuffer
  readonly #rows: number
  readonly #counts: Float64Array

  /** @param rows one for each route and one behind them. @param buffer of counts of the same shape */
  constructor(rows: number, buffer?: SharedArrayBuffer) {
    this.#rows = rows
    this.buffer = buffer ?? new SharedArrayBuffer(rows * METHOD_LABELS.length * CODES * 8)
    this.#counts = new Float64Array(this.buffer)
  }

  /** @param route below 0: the last row. @param status 0: none was sent */
  add(route: number, method: string, status: number): void {
    const row = route < 0 ? this.#rows - 1 : route
    const code = status < FIRST_STATUS || status > 599 ? 0 : status - FIRST_STATUS + 1
    const at = (row * METHOD_LABELS.length + (METHODS.get(method) ?? OTHER)) * CODES + code
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
  }

  /** All that are not 0. */
  samples(): RequestSample[] {
    const samples: RequestSample[] = []
    for (let at = 0; at < this.#counts.length; at += 1) {
      const count = this.#counts[at] ?? 0
      if (count === 0) continue
      const code = at % CODES
      const rest = Math.floor(at / CODES)
      samples.push({
        route: Math.floor(rest / METHOD_LABELS.length),
        method: METHOD_LABELS[rest % METHOD_LABELS.length] ?? '_OTHER',
        code: code === 0 ? 'none' : String(code + FIRST_STATUS - 1),
        count,
      })
    }
    return samples
  }
}
