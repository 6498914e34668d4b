import { TICK_MS } from '../peers/layout.js'
import { GUARD, type GuardMemory, SHARE, sumOfShares } from './layout.js'

export const BREAKER_STATES = ['closed', 'open', 'half-open'] as const
export type BreakerState = (typeof BREAKER_STATES)[number]

/** What an upstream's guard has come to, over all workers. Counts are totals since the start. */
export interface GuardStats {
  /** Retries that were not made because the budget was used up. */
  readonly retryOverflows: number
  /** Whole retries that may be made now beyond the minimum of each second; negative while some were made on credit. */
  readonly retriesSaved: number
  /** Sessions that hold a place; 0 where `limits.maxConnections` is not set. */
  readonly active: number
  readonly pending: number
  /** Sessions refused because the queue was full or the wait over. */
  readonly limitRejected: number
  /** Sessions that an adaptive limit allows now; 0 where there is none. */
  readonly concurrencyLimit: number
  readonly breaker: BreakerState
  readonly breakerOpened: number
  readonly breakerClosed: number
  /** Sessions refused because it was open. */
  readonly breakerRejected: number
}

/** @param nowMs of `now()` */
export function readGuard(memory: GuardMemory, nowMs: number): GuardStats {
  const word = (name: keyof typeof GUARD): number => Atomics.load(memory.words, memory.at + GUARD[name])
  return {
    retryOverflows: word('retryOverflow'),
    retriesSaved: Math.floor(word('tokens') / 1000),
    active: sumOfShares(memory, SHARE.active),
    pending: sumOfShares(memory, SHARE.pending),
    limitRejected: word('limitRejected'),
    concurrencyLimit: Math.floor(word('limit') / 1000),
    breaker: breakerState(word('breaker'), memory.epochMs, nowMs),
    breakerOpened: word('breakerOpened'),
    breakerClosed: word('breakerClosed'),
    breakerRejected: word('breakerRejected'),
  }
}

function breakerState(value: number, epochMs: number, nowMs: number): BreakerState {
  if (value === 0) return 'closed'
  return value > 0 && epochMs + (value - 1) * TICK_MS > nowMs ? 'open' : 'half-open'
}
