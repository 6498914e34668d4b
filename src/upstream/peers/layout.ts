import { GUARD_WORDS, SHARE_WORDS } from '../guard/layout.js'

/** Words of a row, 32 bits each. The first line is read and written by every request, the second by few. */
export const ROW = {
  /** Index of the configured peer that the row belongs to, plus one; 0: the row is free. */
  owner: 0,
  /** Counts the owners of the row, so that what is late about a former one is not put down to the next. */
  generation: 1,
  weight: 2,
  /** 0: no limit. */
  maxConnections: 3,
  /** 1: in maintenance. */
  maintenance: 4,
  /** Index into CHECKED. */
  checked: 5,
  /** 0: not ejected. Positive: ejected until this tick. Negative: worker `-1 - value` has the one probe under way. */
  ejection: 6,
  connectFailures: 7,
  gatewayErrors: 8,
  serverErrors: 9,
  /** Moving average in µs, 0 before the first. */
  latency: 10,
  /** Tick of the last sample. */
  latencyAt: 11,
  /** Ejections without a quiet time between them. */
  streak: 16,
  restoredAt: 17,
  checksPassedInRow: 18,
  checksFailedInRow: 19,
  ejections: 20,
  restores: 21,
  checksPassed: 22,
  checksFailed: 23,
  turnedHealthy: 24,
  turnedUnhealthy: 25,
} as const

export const ROW_WORDS = 32

/** Longest address in a row, bytes: an IPv6 address with a zone, or a DNS name. A row holds its length before it. */
export const MAX_HOST_BYTES = 255
export const HOST_BYTES = 256

/** Words of an upstream. */
export const UPSTREAM = {
  /** Odd while the peers are being replaced, another even number afterwards. */
  version: 0,
  /** Changes whenever the standing of a peer does. */
  changes: 1,
} as const

export const UPSTREAM_WORDS = 16

/** The tick of ejections: 32 bits of them are 6.8 years. */
export const TICK_MS = 100

/** How large a table is; the same in every thread. */
export interface TablePlan {
  readonly workers: number
  /** Rows of each upstream, by its place in the configuration. */
  readonly rows: readonly number[]
}

/** Where things lie in the buffer, in words but for `hosts`, which is in bytes. */
export interface TableLayout {
  readonly upstreams: number
  readonly rows: number
  /** Columns of sessions in flight: one for each worker, each row a word. */
  readonly columns: number
  readonly columnWords: number
  /** Common words of the upstreams' guards, then the workers' shares of them, those of one worker together. */
  readonly guards: number
  readonly shares: number
  readonly shareWords: number
  readonly hosts: number
  readonly bytes: number
  /** First row of each upstream. */
  readonly firstRows: readonly number[]
}

/** Words before everything else: the time at which tick 1 began, a double. */
const EPOCH_WORDS = 16

export function layoutOf({ workers, rows }: TablePlan): TableLayout {
  const firstRows: number[] = []
  let total = 0
  for (const count of rows) {
    firstRows.push(total)
    total += count
  }
  const upstreams = EPOCH_WORDS
  const rowsAt = upstreams + rows.length * UPSTREAM_WORDS
  const columns = rowsAt + total * ROW_WORDS
  // A worker's column shares no cache line with another's.
  const columnWords = Math.ceil(total / 16) * 16
  const guards = columns + workers * columnWords
  const shares = guards + rows.length * GUARD_WORDS
  const shareWords = rows.length * SHARE_WORDS
  const hosts = (shares + workers * shareWords) * 4
  return {
    upstreams,
    rows: rowsAt,
    columns,
    columnWords,
    guards,
    shares,
    shareWords,
    hosts,
    bytes: hosts + total * HOST_BYTES,
    firstRows,
  }
}
