import { type CommitStatus, type Decision, type StateStore, StateStoreError } from '../../state/index.js'
import type { AdResult } from '../upstream/index.js'
import { EventTokens } from './event-tokens.js'
import { CAP_EVENTS, type CapEvent } from './frequency-rule.js'
import { PendingEvents } from './pending-events.js'
import { eventDecision, firstDecision, learnedDecision, type Reservation } from './reservation.js'
import { packEvent, unpackEvent } from './reservation-token.js'
import type { SessionMetrics } from './session-metrics.js'
import type { EventOutcome, EventStatus, UpstreamSessionOptions } from './session-options.js'
import type { SessionPolicies } from './session-policies.js'

const MAX_EVENT_LENGTH = 64

const WEIGHT: readonly CommitStatus[] = ['duplicate', 'counted', 'late', 'refused']

/** Events of served ads: their tokens, and what they change in the store (F-08). */
export class SessionEvents {
  readonly #store: StateStore
  readonly #tokens: EventTokens | null
  readonly #late: 'within-limit' | 'always' | 'never'
  readonly #policies: SessionPolicies
  readonly #metrics: SessionMetrics
  readonly #pending: PendingEvents
  readonly #clock: () => number

  constructor(
    options: UpstreamSessionOptions<AdResult>,
    policies: SessionPolicies,
    metrics: SessionMetrics,
    clock: () => number,
  ) {
    this.#store = options.store
    this.#tokens = options.events === undefined ? null : new EventTokens({ keys: options.events.keys, clock })
    this.#late = options.events?.late ?? 'within-limit'
    this.#policies = policies
    this.#metrics = metrics
    this.#pending = new PendingEvents(metrics)
    this.#clock = clock
  }

  /** Can events be reported? */
  get enabled(): boolean {
    return this.#tokens !== null
  }

  /** @throws RangeError for a name that is empty or too long */
  token(event: string, reservation: Reservation): string | null {
    if (event === '' || event.length > MAX_EVENT_LENGTH) {
      throw new RangeError(`the name of an event has 1 to ${MAX_EVENT_LENGTH} characters`)
    }
    return this.#tokens?.seal(packEvent({ event, reservation }), this.#policies.rememberMs) ?? null
  }

  async commit(token: string): Promise<EventOutcome> {
    const opened = this.#tokens?.open(token)
    const known = opened?.ok === true ? unpackEvent(opened.text) : null
    if (known === null) {
      this.#metrics.add('invalid_tokens')
      return { status: 'invalid' }
    }
    const { event, reservation } = known
    const { ad } = reservation.subject
    const status = await this.#settle(event, reservation)
    const isCharged = event === 'impression' && (status === 'counted' || status === 'late')
    return {
      status,
      event,
      campaignId: reservation.campaignId,
      reservationId: reservation.id,
      mayMeasure: reservation.mayMeasure,
      ...(ad === undefined ? {} : { adId: ad }),
      ...(isCharged && reservation.price !== null ? { charged: reservation.price } : {}),
    }
  }

  /** The impression itself, reported from here. */
  impression(reservation: Reservation): Promise<EventStatus> {
    return this.#settle('impression', reservation)
  }

  close(): Promise<number> {
    return this.#pending.close()
  }

  async #settle(event: string, reservation: Reservation): Promise<EventStatus> {
    const settle = (): Promise<EventStatus> => this.#change(event, reservation)
    try {
      return await settle()
    } catch (error) {
      if (!(error instanceof StateStoreError)) throw error
      return this.#pending.add(settle) ? 'queued' : 'dropped'
    }
  }

  async #change(event: string, reservation: Reservation): Promise<EventStatus> {
    if (event === 'notUsed' || event === 'error') return this.#release(reservation)
    if (!isCapEvent(event)) return 'recorded'
    const { keys, rememberMs } = this.#policies
    const campaign = this.#policies.campaign(reservation.campaignId)
    if (event !== 'impression') {
      const decision = eventDecision(reservation, event, campaign, keys, this.#clock())
      if (decision === null) return 'recorded'
      const status = await this.#store.commit(decision, { rememberMs, late: 'always' })
      // Nothing is ever held for these, so that they come without a reservation says nothing.
      return this.#noted(status === 'late' ? 'counted' : status)
    }
    const decisions = this.#decisions(reservation)
    if (decisions.length === 0) return 'recorded'
    const statuses: CommitStatus[] = []
    for (const decision of decisions) {
      statuses.push(await this.#store.commit(decision, { rememberMs, late: this.#late }))
    }
    const status = WEIGHT[Math.max(...statuses.map((one) => WEIGHT.indexOf(one)))] ?? 'duplicate'
    if (status === 'counted' || status === 'late') this.#metrics.add('committed')
    return this.#noted(status)
  }

  async #release(reservation: Reservation): Promise<EventStatus> {
    let released = false
    for (const decision of this.#decisions(reservation).toReversed()) {
      const status = await this.#store.release(decision)
      if (status === 'settled') return 'duplicate'
      released ||= status === 'released'
    }
    if (released) this.#metrics.add('released')
    return released ? 'released' : 'duplicate'
  }

  #decisions(reservation: Reservation): Decision[] {
    const { keys } = this.#policies
    const campaign = this.#policies.campaign(reservation.campaignId)
    const nowMs = this.#clock()
    const { decision } = firstDecision(reservation, campaign, keys, nowMs)
    const learned = learnedDecision(reservation, campaign, keys, nowMs)
    const decisions = learned === null ? [decision] : [decision, learned.decision]
    return decisions.filter(({ caps, budgets }) => caps.length > 0 || budgets.length > 0)
  }

  #noted(status: CommitStatus): CommitStatus {
    if (status === 'late') this.#metrics.add('late')
    else if (status === 'refused') this.#metrics.add('late_refused')
    else if (status === 'duplicate') this.#metrics.add('duplicates')
    return status
  }
}

function isCapEvent(event: string): event is CapEvent {
  return (CAP_EVENTS as readonly string[]).includes(event)
}
