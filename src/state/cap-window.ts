import type { CapRecord } from './records.js'
import type { CapCheck, CapWindow } from './state-store.js'

/** Windows of a cap: how much counts at a time, and what a new event makes of it. Pure; the Redis scripts say the same in Lua. */

const EMPTY: CapRecord = { startMs: 0, committed: 0, held: 0, times: [], expiresAtMs: 0 }

/** Records outlive their window a little, so that the window's own end decides and not the cleaning. */
export const RECORD_SLACK_MS = 1000

export function committedAt(record: CapRecord, window: CapWindow, nowMs: number): number {
  switch (window.kind) {
    case 'fixed':
      return record.startMs > 0 && nowMs < record.startMs + window.windowMs ? record.committed : 0
    case 'calendar':
      return record.startMs >= window.startMs ? record.committed : 0
    case 'rolling':
      return record.times.length - firstAlive(record.times, nowMs - window.windowMs)
  }
}

/** Until the oldest counted place is free; 0 when none is counted. */
export function resetAfter(record: CapRecord, window: CapWindow, nowMs: number): number {
  if (committedAt(record, window, nowMs) === 0) return 0
  switch (window.kind) {
    case 'fixed':
      return record.startMs + window.windowMs - nowMs
    case 'calendar':
      return Math.max(0, window.endMs - nowMs)
    case 'rolling': {
      const oldest = record.times[firstAlive(record.times, nowMs - window.windowMs)] ?? nowMs
      return oldest + window.windowMs - nowMs
    }
  }
}

/** The record with one event more. */
export function counted(record: CapRecord | undefined, window: CapWindow, nowMs: number): CapRecord {
  const old = record ?? EMPTY
  switch (window.kind) {
    case 'fixed': {
      if (committedAt(old, window, nowMs) > 0) return { ...old, committed: old.committed + 1 }
      return {
        ...old,
        startMs: nowMs,
        committed: 1,
        expiresAtMs: Math.max(old.expiresAtMs, nowMs + window.windowMs + RECORD_SLACK_MS),
      }
    }
    case 'calendar': {
      if (old.startMs >= window.startMs) return { ...old, committed: old.committed + 1 }
      return {
        ...old,
        startMs: window.startMs,
        committed: 1,
        expiresAtMs: Math.max(old.expiresAtMs, nowMs, window.endMs + RECORD_SLACK_MS),
      }
    }
    case 'rolling': {
      const times = old.times.slice(firstAlive(old.times, nowMs - window.windowMs))
      times.push(nowMs)
      return {
        ...old,
        times,
        expiresAtMs: Math.max(old.expiresAtMs, nowMs + window.windowMs + RECORD_SLACK_MS),
      }
    }
  }
}

/** The record with `change` reservations more. */
export function withHeld(record: CapRecord | undefined, change: number, untilMs: number): CapRecord {
  const old = record ?? EMPTY
  return {
    ...old,
    held: Math.max(0, old.held + change),
    expiresAtMs: Math.max(old.expiresAtMs, untilMs),
  }
}

export interface CapState {
  readonly count: number
  readonly retryAfterMs: number
}

/** What stands against one event more; null when there is room. */
export function refusalOf(
  record: CapRecord | undefined,
  { window, max }: CapCheck,
  nowMs: number,
): CapState | null {
  if (record === undefined) return max > 0 ? null : { count: 0, retryAfterMs: 0 }
  const committed = committedAt(record, window, nowMs)
  const count = committed + record.held
  return count < max
    ? null
    : { count, retryAfterMs: committed >= max ? resetAfter(record, window, nowMs) : 0 }
}

function firstAlive(times: readonly number[], deadMs: number): number {
  let index = 0
  while (index < times.length && (times[index] ?? 0) <= deadMs) index += 1
  return index
}
