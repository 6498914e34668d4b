import { randomUUID } from 'node:crypto'
import { type Money, type Price, priceOf } from '../../money/index.js'
import type { SessionContext } from '../../session/session-context.js'
import type { StateStore } from '../../state/index.js'
import { now } from '../../time/index.js'
import { isAllowed } from '../consent/index.js'
import { type AdLogger, SILENT } from '../context/ad-logger.js'
import { type AdResult, BaseUpstream, type Fill, type Upstream } from '../upstream/index.js'
import { BudgetExceeded, FrequencyCapExceeded } from './errors.js'
import { LateAnswer } from './late-answer.js'
import { firstDecision, type Reservation } from './reservation.js'
import { type ReservedUnit, reserveUnits } from './reserve-units.js'
import { Reserver } from './reserver.js'
import { SessionEvents } from './session-events.js'
import { SessionMetrics, type SessionMetricsSnapshot } from './session-metrics.js'
import type { EventOutcome, Served, SessionCall, UpstreamSessionOptions } from './session-options.js'
import { SessionPolicies } from './session-policies.js'
import { userDimension, userIdOf, withDimensions } from './subject-of.js'
import { type BudgetReport, UseReports } from './use-reports.js'

const NO_TOKEN = (): null => null

/**
 * Asks an upstream for ads under frequency caps and budgets that hold under concurrency (contract B-40…B-51): reserve, ask,
 * then commit on the impression, or release on no-fill, error, `notUsed` or after a time. What wraps an upstream is one itself.
 */
export class UpstreamSession<Result extends AdResult = AdResult> extends BaseUpstream<Result> {
  readonly name: string
  readonly #upstream: Upstream<Result>
  readonly #store: StateStore
  readonly #policies: SessionPolicies
  readonly #reserver: Reserver
  readonly #events: SessionEvents
  readonly #reports: UseReports
  readonly #metrics = new SessionMetrics()
  readonly #logger: AdLogger
  readonly #clock: () => number
  #closed: Promise<void> | null = null

  /** @throws TypeError or RangeError that says which option is wrong */
  constructor(options: UpstreamSessionOptions<Result>) {
    super()
    this.name = options.upstream.name
    this.#upstream = options.upstream
    this.#store = options.store
    this.#logger = options.logger ?? SILENT
    this.#clock = options.clock ?? Date.now
    this.#policies = new SessionPolicies(options)
    this.#reserver = new Reserver(options, this.#metrics)
    this.#events = new SessionEvents(options, this.#policies, this.#metrics, this.#clock)
    this.#reports = new UseReports(options.store, this.#policies, this.#clock)
  }

  /** May the user see the campaign once more? Counts nothing (B-41). @throws StateStoreError when caps are closed without the store */
  checkFrequencyCap(userId: string, campaignId: string): Promise<boolean> {
    return this.#reports.checkFrequencyCap(userId, campaignId)
  }

  /**
   * Charges a cost at once (B-42). False: the limit has no room for it, or there is none (D6); nothing was changed then.
   * @throws TypeError for anything but a {@link Money} (B-64); StateStoreError
   */
  async trackBudget(campaignId: string, cost: Money): Promise<boolean> {
    const price = priceOf(cost)
    const { keys, rememberMs } = this.#policies
    const campaign = this.#policies.campaign(campaignId)
    const reservation = this.#reservation(campaignId, {}, price, undefined)
    const { decision } = firstDecision(reservation, { ...campaign, rules: [] }, keys, reservation.decidedAtMs)
    const result = await this.#store.reserve(decision, { holdMs: rememberMs, settle: true, rememberMs })
    if (result.granted) return true
    if (result.refusal.kind === 'budget') this.#reserver.overBudget(campaignId, result.refusal.reason)
    return false
  }

  /** Impressions that the user may still see of the campaign now (C-07). */
  remainingImpressions(userId: string, campaignId: string): Promise<number> {
    return this.#reports.remainingImpressions(userId, campaignId)
  }

  /** What a campaign has spent and may still spend (C-07, C-25). */
  budget(campaignId: string): Promise<BudgetReport> {
    return this.#reports.budget(campaignId)
  }

  /** Writes a campaign's limit into the store, where it wins over the configured one. Null removes it. */
  setBudget(campaignId: string, limit: Money | null): Promise<void> {
    return this.#store.setLimit(
      this.#policies.keys.budgetLimit(campaignId),
      limit === null ? null : limit.toString(),
    )
  }

  /**
   * Asks for an ad under the caps (B-43…B-45): the upstream's own answer, no-fill included.
   * @throws FrequencyCapExceeded, BudgetExceeded, and what the upstream throws
   */
  async request(call: SessionCall = {}): Promise<Result> {
    return (await this.serve(call)).result
  }

  /** As {@link request}, with what the events of the ad need. */
  async serve(call: SessionCall = {}): Promise<Served<Result>> {
    const startMs = performance.now()
    this.#metrics.add('total')
    try {
      return await this.#serve(call)
    } catch (error) {
      if (!(error instanceof FrequencyCapExceeded || error instanceof BudgetExceeded))
        this.#metrics.add('failed')
      throw error
    } finally {
      this.#metrics.took(performance.now() - startMs)
    }
  }

  /** Takes a reported event; idempotent by its token. Never throws for what a client sends. */
  commitEvent(token: string): Promise<EventOutcome> {
    return this.#events.commit(token)
  }

  /** Whether the store did not answer the last decision, so that policies decide (C-09). */
  get isDegraded(): boolean {
    return this.#reserver.isDegraded
  }

  metrics(): SessionMetricsSnapshot {
    return this.#metrics.snapshot()
  }

  /** Tries waiting events once more, logs what was counted, and closes the upstream; the store stays its owner's (C-22). */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async healthCheck(): Promise<boolean> {
    const [upstream, store] = await Promise.all([this.#upstream.healthCheck(), this.#store.healthCheck()])
    return upstream && store
  }

  async #close(): Promise<void> {
    const dropped = await this.#events.close()
    if (dropped > 0) this.#logger.error({ dropped }, 'Events dropped: the state store did not come back')
    this.#logger.info({ upstream: this.name, ...this.metrics() }, 'Ad session closed')
    await this.#upstream.close()
  }

  async #serve(call: SessionCall): Promise<Served<Result>> {
    const { keys } = this.#policies
    const campaignId = campaignOf(call)
    const campaign = this.#policies.campaign(campaignId)
    const userId = userIdOf(call.context)
    const user = userDimension(userId, this.#policies.anonymous, call.context)
    if (user === null) {
      this.#metrics.add('capped')
      throw new FrequencyCapExceeded(userId, campaignId, { reason: 'anonymous' })
    }
    const placement = call.params?.['placement_id']
    const subject = withDimensions(campaign.dimensions, {
      placement: placement === undefined ? undefined : String(placement),
      ...call.dimensions,
      user,
      campaign: campaignId,
    })
    const isPriceOpen = call.cost === undefined && campaign.priceFrom === 'bid'
    const price = call.cost === undefined ? campaign.price : priceOf(call.cost)
    const reservation = this.#reservation(campaignId, subject, isPriceOpen ? null : price, call.context)
    const first = firstDecision(reservation, campaign, keys, reservation.decidedAtMs)
    const holdMs = this.#policies.holdMs[call.media ?? 'video']
    await this.#reserver.reserve(first, userId, reservation, campaign, holdMs)
    const decisions = [first.decision]
    let answer: Fill | null = null
    try {
      const result = await this.#upstream.request(call)
      if (result.kind !== 'fill') {
        this.#metrics.add('no_fill')
        await this.#reserver.release(decisions)
        return { result, units: [], reservationId: null, price: null, token: NO_TOKEN }
      }
      answer = result
      const expiryMs = Math.min(holdMs, result.terms?.expiryMs ?? holdMs)
      const units = await reserveUnits(result, reservation, {
        campaign,
        keys,
        clock: this.#clock,
        isPriceOpen,
        another: () => this.#reservation(campaignId, subject, isPriceOpen ? null : price, call.context),
        reserve: (decision, unit) => this.#reserver.reserve(decision, userId, unit, campaign, expiryMs),
        release: (given) => this.#reserver.release(given),
        decisions,
      })
      if (isLate(call)) throw new LateAnswer(result)
      if (!this.#events.enabled) for (const unit of units) await this.#events.impression(unit.reservation)
      else if (expiryMs < holdMs) await this.#reserver.shorten(first.decision, expiryMs)
      this.#metrics.add('success')
      result.decided?.(true)
      return this.#served(result, units)
    } catch (error) {
      answer?.decided?.(false)
      await this.#reserver.release(decisions)
      throw error
    }
  }

  #served(result: Result, reserved: readonly ReservedUnit[]): Served<Result> {
    const units = reserved.map(({ index, ad, reservation }) => ({
      index,
      adId: ad.id,
      reservationId: reservation.id,
      price: reservation.price,
      token: (event: string) => this.#events.token(event, reservation),
    }))
    const [first] = units
    return {
      result,
      units,
      reservationId: first?.reservationId ?? null,
      price: first?.price ?? null,
      token: first?.token ?? NO_TOKEN,
    }
  }

  #reservation(
    campaignId: string,
    subject: Reservation['subject'],
    price: Price | null,
    context: SessionContext | undefined,
  ): Reservation {
    const decidedAtMs = Math.trunc(this.#clock())
    const mayMeasure = isAllowed(context, 'measure')
    const id = randomUUID()
    return { id, campaignId, subject, learned: [], price, isPriceLearned: false, decidedAtMs, mayMeasure }
  }
}

/** Whether nobody waits for the answer any more. */
function isLate({ deadlineMs, signal }: SessionCall): boolean {
  return signal?.aborted === true || (deadlineMs !== undefined && now() >= deadlineMs)
}

function campaignOf({ campaignId, params }: SessionCall): string {
  return campaignId ?? String(params?.['campaign_id'] ?? 'default')
}
