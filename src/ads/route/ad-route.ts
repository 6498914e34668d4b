import type { AdServingConfig } from '../../config/types-adserving.js'
import { type Filter, type FilterResult, reject, respond } from '../../lifecycle/index.js'
import { isCurrency, type Price } from '../../money/index.js'
import type { AdEventKind, GatewayCounter, StoreBackend } from '../../session/counters.js'
import { GatewayError } from '../../session/errors.js'
import type { ReadonlyRequestHeader } from '../../session/message-headers.js'
import type { Session } from '../../session/session.js'
import type { StorePort } from '../../state/kept-state-thread.js'
import { AdGauges } from '../../telemetry/index.js'
import { now } from '../../time/index.js'
import type { AdLogger } from '../context/index.js'
import {
  BudgetExceeded,
  FrequencyCapExceeded,
  LateAnswer,
  type SessionCounter,
  type SessionMetricsSnapshot,
  SignedUserId,
  type UpstreamSession,
} from '../session/index.js'
import type { NoFillReason } from '../upstream/index.js'
import { noFillVast } from '../vast/index.js'
import type { SharedAds } from './ad-memory.js'
import { type AdRequest, readAdRequest } from './ad-request.js'
import { createAdSource, type RouteResult, type SourceBreaker, type VastAnswer } from './ad-source.js'
import { Beacons } from './beacons.js'
import { EventReports } from './event-reports.js'
import { eventBase, eventTrackers, PIXEL } from './event-urls.js'
import { RouteGauges } from './route-gauges.js'
import { createAdSession, useStore } from './session-from-config.js'

export interface AdRouteEnv {
  readonly logger: AdLogger
  /** To LMDB stores, which live in a thread of their own. */
  readonly stores: readonly StorePort[]
  count(counter: GatewayCounter, amount?: number): void
  /** Absent: this thread shares nothing with others. */
  readonly shared?: SharedAds
}

function breakersOf(shared: SharedAds | undefined, place: number): SourceBreaker[] {
  if (shared === undefined) return []
  const { memory, worker, workers } = shared
  const { epochMs, breakers } = memory
  return (breakers[place] ?? []).map((one) => ({ memory: one, worker, workers, epochMs }))
}

function gaugesOf(
  session: UpstreamSession<RouteResult>,
  shared: SharedAds | undefined,
  place: number,
): RouteGauges | null {
  if (shared === undefined) return null
  const { memory, worker, workers } = shared
  const gauges = new AdGauges(memory.plan, workers, memory.gauges)
  return new RouteGauges(session, gauges.writer(worker, place))
}

/** What a session counts, as the gateway calls it. */
const COUNTED: readonly (readonly [SessionCounter, readonly GatewayCounter[]])[] = [
  ['reserved', ['ad_reserved', 'cap_decision:granted']],
  ['released', ['ad_released']],
  ['capped', ['cap_decision:capped']],
  ['over_budget', ['cap_decision:over-budget']],
  ['paced', ['cap_decision:paced']],
  ['degraded', ['cap_decision:degraded']],
]

/** A player may be on any site, and its cookies say who asks. */
function corsFields(request: ReadonlyRequestHeader): Record<string, string> {
  const origin = request.headers.get('origin')
  if (origin === null) return { 'access-control-allow-origin': '*' }
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    vary: 'Origin',
  }
}

/**
 * A route that serves ads, in one worker: players ask it and get VAST with impressions of ours in it; what these report comes to its event
 * endpoint. Caps and budgets are decided in the store that all workers share.
 */
export class AdRoute {
  /** To be the last of the route's filters: it answers, so no upstream is asked. */
  readonly filter: Filter
  readonly #config: AdServingConfig
  readonly #env: AdRouteEnv
  readonly #store: ReturnType<typeof useStore>
  readonly #session: UpstreamSession<RouteResult>
  readonly #reports: EventReports | null
  readonly #beacons: Beacons
  readonly #verifyUserId: ((value: string) => string | null) | null
  readonly #backend: StoreBackend
  readonly #gauges: RouteGauges | null
  #counted: SessionMetricsSnapshot

  /**
   * @param place of the route among those that serve ads
   * @throws TypeError or RangeError that says what is wrong with the configuration
   */
  constructor(config: AdServingConfig, env: AdRouteEnv, place = 0) {
    this.#config = config
    this.#env = env
    this.#backend = config.store.kind === 'redis-cluster' ? 'redis' : config.store.kind
    this.#store = useStore(config.store, env.stores, env.logger)
    this.#beacons = new Beacons(config, env)
    const source = createAdSource(config, env.logger, this.#beacons.misfit, breakersOf(env.shared, place))
    this.#session = createAdSession(config, source, this.#store.store, env.logger)
    this.#counted = this.#session.metrics()
    this.#gauges = gaugesOf(this.#session, env.shared, place)
    this.#reports = config.events === null ? null : new EventReports(config.events, env)
    const { secrets } = config.user
    this.#verifyUserId = secrets.length === 0 ? null : new SignedUserId(secrets).verify
    this.filter = {
      name: 'adserving',
      bufferRequestBody: true,
      proxyUpstreamFilter: (session) => this.#answer(session),
    }
  }

  /** Settles when what is under way has ended. */
  async close(): Promise<void> {
    await this.#gauges?.close()
    await this.#session.close()
    await Promise.all([this.#reports?.close(), this.#beacons.close()])
    await this.#store.release()
  }

  #answer(session: Session): FilterResult | Promise<FilterResult> {
    const request = session.reqHeader()
    if (request === null) return reject(400, 'there is no request')
    const cors = corsFields(request)
    if (request.method === 'OPTIONS') {
      const allow = {
        ...cors,
        'access-control-allow-methods': 'GET, POST',
        'access-control-allow-headers': '*',
      }
      return respond({ status: 204, headers: allow })
    }
    if (!['GET', 'HEAD', 'POST'].includes(request.method))
      return reject(405, 'ads are asked for with GET or POST')
    if (request.uri.path === this.#config.events?.path) return this.#event(session, request, cors)
    return this.#ad(session, request, cors)
  }

  async #event(
    session: Session,
    request: ReadonlyRequestHeader,
    cors: Record<string, string>,
  ): Promise<FilterResult> {
    const query = new URLSearchParams(request.uri.query)
    const token = query.get('t')
    const requestId = session.requestId()
    if (token === null && query.has('b')) return this.#beacon(session, request, query, cors)
    const outcome = await this.#session.commitEvent(token ?? '')
    const { status, charged, event, campaignId, adId } = outcome
    this.#env.count(`ad_event:${status satisfies AdEventKind}`)
    if (status === 'queued') this.#env.count(`store_error:${this.#backend}:commit`)
    if (charged !== undefined) this.#countSpend(charged)
    if (status !== 'invalid') this.#reports?.reported(outcome)
    if (status !== 'invalid' && status !== 'duplicate' && query.has('b'))
      this.#beacons.reported(query, request, session.clientAddress())
    this.#countReservations()
    const fields = { request_id: requestId, event, campaign_id: campaignId, ad_id: adId, status }
    this.#env.logger.info(fields, 'Ad event')
    const headers = { ...cors, 'cache-control': 'no-store' }
    if (status === 'invalid')
      return respond({ status: 400, headers, body: 'this event is not genuine or has expired' })
    return respond({ status: 200, headers: { ...headers, 'content-type': 'image/gif' }, body: PIXEL })
  }

  /** A tracking event that nothing counts. */
  #beacon(
    session: Session,
    request: ReadonlyRequestHeader,
    query: URLSearchParams,
    cors: Record<string, string>,
  ): FilterResult {
    const isGenuine = this.#beacons.reported(query, request, session.clientAddress())
    this.#env.count(isGenuine ? 'ad_event:recorded' : 'ad_event:invalid')
    const headers = { ...cors, 'cache-control': 'no-store' }
    if (!isGenuine) return respond({ status: 400, headers, body: 'this event is not genuine or has expired' })
    return respond({ status: 200, headers: { ...headers, 'content-type': 'image/gif' }, body: PIXEL })
  }

  async #ad(
    session: Session,
    request: ReadonlyRequestHeader,
    cors: Record<string, string>,
  ): Promise<FilterResult> {
    const { logger, count } = this.#env
    count('ad_requests')
    const leaving = new AbortController()
    session.defer(() => leaving.abort(new Error('the session has ended')))
    const asked = readAdRequest(session, request, this.#config, this.#verifyUserId, logger)
    const { requestId: request_id, correlator } = asked.context
    const fields = { request_id, correlator, placement_id: asked.placement, campaign_id: asked.campaign }
    logger.info({ request_id, correlator, placement_id: asked.placement }, 'Ad request started')
    if (!asked.isAllowed) return this.#noFill('consent', fields, cors)
    try {
      const served = await this.#session.serve({
        ...asked.call,
        deadlineMs: now() + this.#config.timeoutMs,
        signal: leaving.signal,
      })
      const { result } = served
      if (result.kind === 'no-fill') return this.#noFill(result.reason, fields, cors)
      count('ad_fills')
      // Without events it counts, and costs, when it is served.
      if (this.#config.events === null) for (const unit of served.units) this.#countSpend(unit.price)
      const { answeredBy } = result
      const source = answeredBy === undefined ? {} : { source: answeredBy }
      const adId = served.units[0]?.adId ?? result.ad.id
      const pod = result.units.length > 1 ? { ads: served.units.length } : {}
      logger.info({ ...fields, ...source, ...pod, ad_id: adId }, 'Ad request succeeded')
      const base = eventBase(this.#config.events, request)
      const handedOn = served.units.flatMap((unit) => {
        const ad = result.units[unit.index]
        if (ad === undefined) return []
        this.#reports?.served({ ...asked, ...unit, source: answeredBy })
        return [this.#beacons.handOn(ad, eventTrackers(unit, base), asked.call, base)]
      })
      this.#reportLeftOut(result, new Set(served.units.map(({ index }) => index)), asked, 206)
      return respond({
        status: 200,
        headers: { ...vastFields(cors), 'x-ad-result': 'fill' },
        body: result.toXml(handedOn),
      })
    } catch (error) {
      return this.#failed(error, asked, fields, cors)
    } finally {
      this.#countReservations()
    }
  }

  /** Ads without a place under caps and budget shorten the break. */
  #reportLeftOut(result: VastAnswer, shown: ReadonlySet<number>, { call }: AdRequest, code: number): void {
    for (const [index, ad] of result.units.entries()) {
      if (!shown.has(index)) this.#beacons.misfit(ad, code, call)
    }
  }

  #failed(error: unknown, asked: AdRequest, fields: object, cors: Record<string, string>): FilterResult {
    const { call } = asked
    if (error instanceof LateAnswer) this.#reportLeftOut(error.result as VastAnswer, new Set(), asked, 304)
    if (error instanceof FrequencyCapExceeded || error instanceof BudgetExceeded)
      return this.#noFill(error.noFillReason, fields, cors)
    if (call.signal?.aborted !== true) this.#env.logger.error({ ...fields, err: error }, 'Ad request failed')
    const isLate = error instanceof GatewayError && error.code === 'HG_TIMEOUT'
    return this.#noFill(isLate ? 'timeout' : 'error', fields, cors)
  }

  /** No ad is an answer, not an error (C-04, B-50). */
  #noFill(reason: NoFillReason, fields: object, cors: Record<string, string>): FilterResult {
    this.#env.count(`ad_no_fill:${reason}`)
    this.#env.logger.info({ ...fields, reason }, 'Ad request had no fill')
    const { status, errors } = this.#config.noFill
    const headers = { ...vastFields(cors), 'x-ad-result': reason }
    return status === 204
      ? respond({ status, headers: { ...cors, 'cache-control': 'no-store', 'x-ad-result': reason } })
      : respond({ status, headers, body: noFillVast({ errors }) })
  }

  #countSpend(price: Price | null): void {
    if (price === null || !isCurrency(price.currency)) return
    this.#env.count(`ad_spend_micros:${price.currency}`, price.amount.micros + price.amount.nanos / 1000)
  }

  #countReservations(): void {
    const metrics = this.#session.metrics()
    for (const [name, counters] of COUNTED) {
      const amount = metrics[name] - this.#counted[name]
      if (amount === 0) continue
      for (const counter of counters) this.#env.count(counter, amount)
      if (name === 'degraded') this.#env.count(`store_error:${this.#backend}:reserve`, amount)
    }
    this.#counted = metrics
  }
}

function vastFields(cors: Record<string, string>): Record<string, string> {
  return { ...cors, 'content-type': 'application/xml; charset=utf-8', 'cache-control': 'private, no-store' }
}
