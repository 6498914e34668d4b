import type { HealthTag } from '../../session/session.js'
import type { ROW } from './layout.js'
import type { PeerRow } from './peer-row.js'

/** A peer as the table knows it. */
export interface PeerEntry {
  /** Row within the upstream. */
  readonly row: number
  readonly generation: number
  readonly template: number
  readonly host: string
}

/** All numbers of one peer at one moment. */
export interface PeerSnapshot extends PeerEntry {
  readonly health: HealthTag
  readonly weight: number
  readonly maxConnections: number
  readonly inFlight: number
  /** 0 before the first answer. */
  readonly latencyMs: number
  readonly ejected: boolean
  /** 0 when its time has passed and it waits for a probe. */
  readonly ejectedForMs: number
  readonly consecutiveFailures: number
  readonly ejections: number
  readonly restores: number
  readonly checksPassed: number
  readonly checksFailed: number
  /** Changes that active checks have made. */
  readonly turnedHealthy: number
  readonly turnedUnhealthy: number
  readonly consecutiveChecksPassed: number
  readonly consecutiveChecksFailed: number
}

/** @param word reads a word of the row, @param nowMs of `now()` */
export function peerSnapshot(
  entry: PeerEntry,
  row: PeerRow,
  word: (name: keyof typeof ROW) => number,
  nowMs: number,
): PeerSnapshot {
  return {
    ...entry,
    health: row.healthStatus,
    weight: row.weight,
    maxConnections: row.maxConnections,
    inFlight: row.inFlight,
    latencyMs: row.latencyMs(nowMs),
    ejected: row.ejection !== 0,
    ejectedForMs: row.ejectedForMs(nowMs),
    consecutiveFailures: row.failures('serverErrors'),
    ejections: word('ejections'),
    restores: word('restores'),
    checksPassed: word('checksPassed'),
    checksFailed: word('checksFailed'),
    turnedHealthy: word('turnedHealthy'),
    turnedUnhealthy: word('turnedUnhealthy'),
    consecutiveChecksPassed: word('checksPassedInRow'),
    consecutiveChecksFailed: word('checksFailedInRow'),
  }
}
