import type { EjectionConfig } from '../../config/types-upstream.js'
import { FAILURE_KINDS, type FailureKind, type PeerRow } from './peer-row.js'

/** Why the standing of a peer has changed. */
export type HealthReason =
  | 'first answer'
  | 'consecutive connect failures'
  | 'consecutive gateway errors'
  | 'consecutive server errors'
  | 'probe failed'
  | 'probe passed'
  | 'check failed'
  | 'check passed'

const REASONS: Readonly<Record<FailureKind, HealthReason>> = {
  connectFailures: 'consecutive connect failures',
  gatewayErrors: 'consecutive gateway errors',
  serverErrors: 'consecutive server errors',
}

/** What the ejector must know of the others: it never ejects more than their share. */
export interface EjectionScope {
  /** Peers of the upstream that are not in maintenance. */
  readonly total: number
  /** How many peers are ejected at this moment, over all threads. */
  ejected(): number
}

/**
 * Passive health: what becomes of sessions decides whether a peer is left out for a while. Every worker runs this over its own sessions; the
 * counts are common, and only the one whose change it was hears a reason.
 */
export class Ejector {
  readonly #config: EjectionConfig
  readonly #scope: EjectionScope
  readonly #isChecked: boolean

  /** @param isChecked active checks decide whether a peer is healthy, not its first answer */
  constructor(config: EjectionConfig, scope: EjectionScope, isChecked: boolean) {
    this.#config = config
    this.#scope = scope
    this.#isChecked = isChecked
  }

  /** A good answer. @returns what has changed by it */
  succeeded(row: PeerRow, isProbe: boolean, nowMs: number): HealthReason | null {
    row.clearAllFailures()
    if (!this.#isChecked && row.markHealthy() && row.ejection === 0) return 'first answer'
    if (!isProbe || !row.endProbe(0)) return null
    row.startQuiet(nowMs)
    return 'probe passed'
  }

  /** A failure: those of its kind, and the milder ones that it is as well. @returns what has changed by it */
  failed(row: PeerRow, kind: FailureKind, isProbe: boolean, nowMs: number): HealthReason | null {
    const first = FAILURE_KINDS.indexOf(kind)
    for (let i = 0; i < first; i += 1) row.clearFailures(FAILURE_KINDS[i] ?? kind)
    let counts = false
    let reason: HealthReason | null = null
    for (const as of FAILURE_KINDS.slice(first)) {
      const limit = this.#config[as]
      const count = row.countFailure(as)
      if (limit > 0) counts = true
      if (limit > 0 && count >= limit) reason ??= REASONS[as]
    }
    if (isProbe) return this.#endProbe(row, counts, nowMs)
    return reason !== null && this.#eject(row, nowMs) ? reason : null
  }

  /** Nothing was learnt: the client left, or the connection had been closed before. Somebody else may probe at once. */
  abandoned(row: PeerRow, isProbe: boolean): void {
    if (isProbe) row.abandonProbe()
  }

  #endProbe(row: PeerRow, failed: boolean, nowMs: number): HealthReason | null {
    const streak = row.streak(nowMs, this.#config.maxTimeMs)
    if (!row.endProbe(failed ? nowMs + this.#timeMs(streak) : 0)) return null
    if (failed) row.countEjection(streak)
    else row.startQuiet(nowMs)
    return failed ? 'probe failed' : 'probe passed'
  }

  #eject(row: PeerRow, nowMs: number): boolean {
    const { total, ejected } = this.#scope
    const allowed = allowedEjections(total, this.#config.maxShare)
    if (allowed === 0 || row.ejection !== 0) return false
    const streak = row.streak(nowMs, this.#config.maxTimeMs)
    if (!row.eject(nowMs + this.#timeMs(streak))) return false
    // Looked at afterwards: of two threads that eject at the same time at least one sees both.
    if (ejected() > allowed) {
      row.undoEject()
      return false
    }
    row.countEjection(streak)
    return true
  }

  #timeMs(streak: number): number {
    const { timeMs, maxTimeMs } = this.#config
    return Math.min(maxTimeMs, timeMs * 2 ** Math.min(streak, 30))
  }
}

/** A share of the peers, at least one of them unless the share is 0. */
export function allowedEjections(total: number, share: number): number {
  return share === 0 ? 0 : Math.max(1, Math.floor(total * share))
}
