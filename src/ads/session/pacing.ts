import type { Amount } from '../../money/index.js'
import { Money } from '../../money/index.js'

interface PacingShape {
  /** `even`: by the share of time that has passed. `ahead`: a quarter faster. `asap` (default): as fast as it goes. */
  readonly type?: 'even' | 'ahead' | 'asap'
  /** How much of the period's money may be spent before its time, as a share of 1. Default 0.05. */
  readonly lead?: number
  /** No hour may take more than so many times its even share, also when there is something to catch up. Default: no such limit. */
  readonly maxHourly?: number
}

/** When a campaign's money may be spent (F-46). Days and hours are those of UTC. */
export type Pacing =
  | (PacingShape & {
      readonly period: 'daily'
      /** Hard limit of each day. */
      readonly dailyMax: Money
    })
  | (PacingShape & {
      readonly period: 'flight'
      readonly startMs: number
      readonly endMs: number
    })

/** What pacing asks of one moment. */
export interface PaceAt {
  /** May be spent of the whole budget by now; null: all of it. */
  readonly total: Amount | null
  /** How long the whole budget is kept after its last change; null: it has no end. */
  readonly ttlMs: number | null
  /** Buckets with a limit of their own. */
  readonly buckets: readonly PaceBucket[]
}

export interface PaceBucket {
  /** Ends the key: `day:2026-01-15`, `hour:2026-01-15T13`. */
  readonly name: string
  readonly limit: Amount
  /** May be spent of it by now; null: all of it. */
  readonly pace: Amount | null
  /** How long it is kept after its last change. */
  readonly ttlMs: number
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const DEFAULT_LEAD = 0.05
const AHEAD = 1.25
/** Beyond the bucket's end, for impressions that are reported late. */
const KEPT_MS = 2 * DAY_MS

/** Beyond a flight, for reports, and for flights that are made longer. */
const FLIGHT_KEPT_MS = 400 * DAY_MS

const UNPACED: PaceAt = { total: null, ttlMs: null, buckets: [] }

/** @throws TypeError or RangeError that says what is wrong */
export function checkPacing(pacing: Pacing, limit: Money | null): void {
  const { lead = DEFAULT_LEAD, maxHourly = 1 } = pacing
  if (!(lead >= 0 && lead <= 1)) throw new RangeError(`the lead must be from 0 to 1, not ${String(lead)}`)
  if (!(maxHourly >= 1)) throw new RangeError(`maxHourly must be at least 1, not ${String(maxHourly)}`)
  if (pacing.period === 'daily') {
    if (!Money.isMoney(pacing.dailyMax)) throw new TypeError('daily pacing needs dailyMax as Money')
    return
  }
  if (limit === null) throw new TypeError('pacing over a flight needs the limit of the budget')
  if (!(pacing.startMs < pacing.endMs)) throw new RangeError('a flight must end after it starts')
}

/** Pure: what may be spent at a moment. */
export function paceAt(pacing: Pacing | undefined, limit: Money | null, nowMs: number): PaceAt {
  if (pacing === undefined) return UNPACED
  if (pacing.period === 'daily') {
    const day = nowMs - (nowMs % DAY_MS)
    const daily = pacing.dailyMax.toAmount()
    const buckets: PaceBucket[] = [
      {
        name: `day:${new Date(day).toISOString().slice(0, 10)}`,
        limit: daily,
        pace: allowed(pacing, daily, (nowMs - day) / DAY_MS),
        ttlMs: KEPT_MS,
      },
    ]
    const hour = hourBucket(pacing, daily, 24, nowMs)
    if (hour !== null) buckets.push(hour)
    return { total: null, ttlMs: null, buckets }
  }
  const { startMs, endMs } = pacing
  const ttlMs = Math.max(0, endMs - nowMs) + FLIGHT_KEPT_MS
  if (limit === null || nowMs < startMs || nowMs >= endMs) return { total: NOTHING, ttlMs, buckets: [] }
  const all = limit.toAmount()
  const hour = hourBucket(pacing, all, (endMs - startMs) / HOUR_MS, nowMs)
  return {
    total: allowed(pacing, all, (nowMs - startMs) / (endMs - startMs)),
    ttlMs,
    buckets: hour === null ? [] : [hour],
  }
}

const NOTHING: Amount = { micros: 0, nanos: 0 }

function allowed(pacing: PacingShape, all: Amount, elapsed: number): Amount | null {
  const { type = 'asap', lead = DEFAULT_LEAD } = pacing
  if (type === 'asap') return null
  return share(all, elapsed * (type === 'ahead' ? AHEAD : 1) + lead)
}

function hourBucket(pacing: PacingShape, all: Amount, hours: number, nowMs: number): PaceBucket | null {
  if (pacing.maxHourly === undefined) return null
  const name = `hour:${new Date(nowMs).toISOString().slice(0, 13)}`
  return { name, limit: share(all, pacing.maxHourly / hours), pace: null, ttlMs: KEPT_MS }
}

function share(all: Amount, part: number): Amount {
  return part >= 1 ? all : { micros: Math.floor(all.micros * part), nanos: 0 }
}
