/** Routes that serve ads, in the order of the configuration: the closed set of labels of their gauges. */
export interface AdPlan {
  readonly routes: readonly {
    readonly route: string
    /** Kind of its store. */
    readonly store: string
    /** Those that may spend money. */
    readonly campaigns: readonly string[]
  }[]
}

/** A campaign's money at one moment, in whole micros. */
export interface BudgetGauge {
  readonly spentMicros: number
  readonly heldMicros: number
  /** Null: there is no limit, so nothing may be spent. */
  readonly limitMicros: number | null
  /** Reservations that hold the money. */
  readonly open: number
  /** ISO 4217. */
  readonly currency: string
}

/** The end of one worker, for one route. */
export interface RouteGaugeWriter {
  readonly campaigns: readonly string[]
  /** Whether nobody has written the campaign's money for `ageMs`. */
  isStale(campaign: number, nowMs: number, ageMs: number): boolean
  write(campaign: number, nowMs: number, budget: BudgetGauge): void
  /** Whether decisions are made without the store. */
  setDegraded(isDegraded: boolean): void
}

/** Doubles of a cell; one cache line, so that threads do not disturb each other. */
const FIELDS = 8
const WRITTEN = 0
const SPENT = 1
const HELD = 2
const LIMIT = 3
const OPEN = 4
const CURRENCY = 5
const DEGRADED = 0
const NO_LIMIT = -1

/** Gauges of routes that serve ads, in shared memory: a row for each worker that only it writes. Of each route one cell, then one for each campaign. */
export class AdGauges {
  readonly buffer: SharedArrayBuffer
  readonly #plan: AdPlan
  readonly #workers: number
  readonly #fields: Float64Array
  /** First cell of each route within a row. */
  readonly #firsts: number[] = []
  readonly #rowCells: number

  /** @param buffer of an instance of the same shape */
  constructor(plan: AdPlan, workers: number, buffer?: SharedArrayBuffer) {
    this.#plan = plan
    this.#workers = workers
    let cells = 0
    for (const { campaigns } of plan.routes) {
      this.#firsts.push(cells)
      cells += 1 + campaigns.length
    }
    this.#rowCells = cells
    this.buffer = buffer ?? new SharedArrayBuffer(Math.max(1, workers * cells) * FIELDS * 8)
    this.#fields = new Float64Array(this.buffer)
  }

  writer(worker: number, route: number): RouteGaugeWriter {
    const fields = this.#fields
    const own = (campaign: number): number => this.#at(worker, route, 1 + campaign)
    return {
      campaigns: this.#plan.routes[route]?.campaigns ?? [],
      isStale: (campaign, nowMs, ageMs) => nowMs - this.#latest(route, campaign).writtenMs >= ageMs,
      write(campaign, nowMs, { spentMicros, heldMicros, limitMicros, open, currency }) {
        const at = own(campaign)
        fields[at + SPENT] = spentMicros
        fields[at + HELD] = heldMicros
        fields[at + LIMIT] = limitMicros ?? NO_LIMIT
        fields[at + OPEN] = open
        fields[at + CURRENCY] = packCode(currency)
        fields[at + WRITTEN] = nowMs
      },
      setDegraded: (isDegraded) => {
        fields[this.#at(worker, route, 0) + DEGRADED] = isDegraded ? 1 : 0
      },
    }
  }

  /** What was written last of each campaign; without those of which nothing is known yet. */
  budgets(): (BudgetGauge & { readonly route: string; readonly campaign: string })[] {
    return this.#plan.routes.flatMap(({ route, campaigns }, index) =>
      campaigns.flatMap((campaign, place) => {
        const { at, writtenMs } = this.#latest(index, place)
        if (writtenMs === 0) return []
        const field = (name: number): number => this.#fields[at + name] ?? 0
        return {
          route,
          campaign,
          spentMicros: field(SPENT),
          heldMicros: field(HELD),
          limitMicros: field(LIMIT) === NO_LIMIT ? null : field(LIMIT),
          open: field(OPEN),
          currency: unpackCode(field(CURRENCY)),
        }
      }),
    )
  }

  /** By kind of store: whether some worker decides without it. */
  degraded(): ReadonlyMap<string, boolean> {
    const found = new Map<string, boolean>()
    for (const [route, { store }] of this.#plan.routes.entries()) {
      let isDegraded = found.get(store) ?? false
      for (let worker = 0; worker < this.#workers; worker += 1)
        isDegraded ||= this.#fields[this.#at(worker, route, 0) + DEGRADED] === 1
      found.set(store, isDegraded)
    }
    return found
  }

  /** A worker's thread is gone, and with it what it found of stores. */
  release(worker: number): void {
    for (const route of this.#plan.routes.keys()) this.#fields[this.#at(worker, route, 0) + DEGRADED] = 0
  }

  #latest(route: number, campaign: number): { at: number; writtenMs: number } {
    let at = this.#at(0, route, 1 + campaign)
    let writtenMs = this.#fields[at + WRITTEN] ?? 0
    for (let worker = 1; worker < this.#workers; worker += 1) {
      const other = this.#at(worker, route, 1 + campaign)
      const otherMs = this.#fields[other + WRITTEN] ?? 0
      if (otherMs > writtenMs) {
        at = other
        writtenMs = otherMs
      }
    }
    return { at, writtenMs }
  }

  #at(worker: number, route: number, cell: number): number {
    return (worker * this.#rowCells + (this.#firsts[route] ?? 0) + cell) * FIELDS
  }
}

/** Three capitals as one number. */
function packCode(code: string): number {
  return (code.charCodeAt(0) * 256 + code.charCodeAt(1)) * 256 + code.charCodeAt(2)
}

function unpackCode(packed: number): string {
  return String.fromCharCode((packed >> 16) & 255, (packed >> 8) & 255, packed & 255)
}
