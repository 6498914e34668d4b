import { METHOD_LABELS, type MethodLabel, methodIndex } from '../session/method-labels.js'

/** Stands for an answer when the client left before there was one, as in nginx's logs. */
export const CLIENT_LEFT = 499

const FIRST_STATUS = 100
const LAST_STATUS = 599
/** One for each status, and one behind them for statuses that HTTP does not know. */
const STATUSES = LAST_STATUS - FIRST_STATUS + 2
const ROUTE_CELLS = METHOD_LABELS.length * STATUSES

/** Counts of one route since the start. */
export interface RouteAnswers {
  /** Requests that have got the head of an answer, or were left by their clients before. */
  readonly requests: number
  /** Answers with 500 to 599. */
  readonly serverErrors: number
  /** Answers with 400 to 499, without clients that left. */
  readonly clientErrors: number
}

/**
 * Answers by route, method and status, in shared memory: written by the acceptor's thread alone, read by any. Counts are doubles, exact
 * to 2^53. Pages of statuses that never occur are never written, so they take no memory.
 */
export class AnswerCounts {
  readonly buffer: SharedArrayBuffer
  readonly routes: number
  readonly #cells: Float64Array
  #heir: { readonly counts: AnswerCounts; readonly routeOf: (route: number) => number } | null = null

  /** @param routes number of routes; requests without one are counted behind them. @param buffer of an instance of the same shape */
  constructor(routes: number, buffer?: SharedArrayBuffer) {
    this.routes = routes
    this.buffer = buffer ?? new SharedArrayBuffer((routes + 1) * ROUTE_CELLS * 8)
    this.#cells = new Float64Array(this.buffer)
  }

  /** @param route -1: none was found. @param status any number; what is no HTTP status is counted as such */
  add(route: number, method: string, status: number): void {
    if (this.#heir !== null) {
      const { counts, routeOf } = this.#heir
      const heir = route < 0 ? -1 : routeOf(route)
      if (route < 0 || heir >= 0) counts.add(heir, method, status)
      return
    }
    const row = route < 0 ? this.routes : route
    const column = status >= FIRST_STATUS && status <= LAST_STATUS ? status - FIRST_STATUS : STATUSES - 1
    const at = row * ROUTE_CELLS + methodIndex(method) * STATUSES + column
    this.#cells[at] = (this.#cells[at] ?? 0) + 1
  }

  /**
   * Leaves what was counted, and what is from now on, to those of another configuration; routes that are not there any more are left out. To be
   * called in the thread that counts.
   * @param routeOf what a route is there; -1: nowhere
   */
  bequeath(counts: AnswerCounts, routeOf: (route: number) => number): void {
    for (let row = 0; row <= this.routes; row += 1) {
      const heir = row === this.routes ? counts.routes : routeOf(row)
      if (heir < 0) continue
      const cells = this.#cells.subarray(row * ROUTE_CELLS, (row + 1) * ROUTE_CELLS)
      for (let cell = 0; cell < ROUTE_CELLS; cell += 1) {
        const count = cells[cell] ?? 0
        const at = heir * ROUTE_CELLS + cell
        if (count > 0) counts.#cells[at] = (counts.#cells[at] ?? 0) + count
      }
    }
    this.#heir = { counts, routeOf }
  }

  /** All counts that are not 0. @param each gets -1 for requests without a route, and null for what is no HTTP status */
  forEach(each: (route: number, method: MethodLabel, status: number | null, count: number) => void): void {
    for (let row = 0; row <= this.routes; row += 1) {
      for (const [index, method] of METHOD_LABELS.entries()) {
        const base = row * ROUTE_CELLS + index * STATUSES
        for (let column = 0; column < STATUSES; column += 1) {
          const count = this.#cells[base + column] ?? 0
          if (count === 0) continue
          const status = column === STATUSES - 1 ? null : column + FIRST_STATUS
          each(row === this.routes ? -1 : row, method, status, count)
        }
      }
    }
  }

  /** Sums of each route, by index; requests without a route stand behind the last one. */
  totals(): RouteAnswers[] {
    const totals = Array.from({ length: this.routes + 1 }, () => ({
      requests: 0,
      serverErrors: 0,
      clientErrors: 0,
    }))
    this.forEach((route, _, status, count) => {
      const total = totals[route < 0 ? this.routes : route]
      if (total === undefined) return
      total.requests += count
      if (status === null || status >= 500) total.serverErrors += count
      else if (status >= 400 && status !== CLIENT_LEFT) total.clientErrors += count
    })
    return totals
  }
}
