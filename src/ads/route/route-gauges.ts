import { StateStoreError } from '../../state/index.js'
import type { RouteGaugeWriter } from '../../telemetry/index.js'
import { now } from '../../time/index.js'
import type { BudgetReport } from '../session/index.js'

/** What gauges need of a session. */
interface Watched {
  readonly isDegraded: boolean
  budget(campaignId: string): Promise<BudgetReport>
}

const LOOK_MS = 1000
/** Age at which a campaign's money is asked for again, by whichever worker sees it first. */
const STALE_MS = 5000

/** Tells the metrics of a route's budgets and of its store, about once a second. */
export class RouteGauges {
  readonly #session: Watched
  readonly #writer: RouteGaugeWriter
  readonly #timer: NodeJS.Timeout
  #looking: Promise<void> | null = null

  constructor(session: Watched, writer: RouteGaugeWriter) {
    this.#session = session
    this.#writer = writer
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref()
  }

  /** Settles when nothing is asked any more. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
    this.#writer.setDegraded(false)
  }

  #look(): void {
    this.#writer.setDegraded(this.#session.isDegraded)
    this.#looking ??= this.#read().finally(() => {
      this.#looking = null
    })
  }

  async #read(): Promise<void> {
    for (const [index, campaign] of this.#writer.campaigns.entries()) {
      if (!this.#writer.isStale(index, now(), STALE_MS)) continue
      try {
        const { spent, held, limit, open } = await this.#session.budget(campaign)
        this.#writer.write(index, now(), {
          spentMicros: Number(spent.micros),
          heldMicros: Number(held.micros),
          limitMicros: limit === null ? null : Number(limit.micros),
          open,
          currency: spent.currency,
        })
      } catch (error) {
        // Decisions tell of it.
        if (error instanceof StateStoreError) return
        throw error
      }
    }
  }
}
