import type { HealthCheckConfig, UpstreamConfig } from '../../config/types-upstream.js'
import type { ConnectTarget } from '../http1/index.js'
import { type PeerEntry, type PeerRow, type PeerTable, targetName, targetOf } from '../peers/index.js'
import type { CheckPeer } from './check-peer.js'
import type { HealthEvent } from './health-event.js'

export interface HealthCheckerOptions {
  readonly table: PeerTable
  /** In the order of the configuration. */
  readonly upstreams: readonly UpstreamConfig[]
  readonly check: CheckPeer
  readonly onEvent: (event: HealthEvent) => void
  /** Calls back once in `delayMs`; returns what cancels it. Default: setTimeout. */
  readonly after?: (delayMs: number, callback: () => void) => () => void
  /** In [0, 1). Default: Math.random. */
  readonly random?: () => number
}

/** How often it looks whether there are other peers than before. */
const LOOK_MS = 1000

/** A peer under watch. */
interface Watched {
  readonly entry: PeerEntry
  readonly row: PeerRow
  /** A check is under way. */
  busy: boolean
  stop: () => void
}

/** Active health: checks all peers of the upstreams that ask for it, and writes what it finds into the table that all threads read. */
export class HealthChecker {
  readonly #options: HealthCheckerOptions
  readonly #after: NonNullable<HealthCheckerOptions['after']>
  readonly #random: () => number
  readonly #watched: Map<string, Watched>[]
  #stopLooking: () => void = () => undefined

  constructor(options: HealthCheckerOptions) {
    this.#options = options
    this.#after = options.after ?? later
    this.#random = options.random ?? Math.random
    this.#watched = options.upstreams.map(() => new Map())
  }

  /** Begins: every peer is checked within a tenth of its interval. */
  start(): void {
    for (const [index, { health }] of this.#options.upstreams.entries())
      if (health !== undefined) this.#look(index, health)
    this.#stopLooking = this.#after(LOOK_MS, () => this.start())
  }

  stop(): void {
    this.#stopLooking()
    for (const watched of this.#watched) {
      for (const peer of watched.values()) peer.stop()
      watched.clear()
    }
  }

  /** Watches peers that are new, and no longer those that are gone. */
  #look(upstream: number, health: HealthCheckConfig): void {
    const { table } = this.#options
    const entries = table.read(upstream)?.entries
    const watched = this.#watched[upstream]
    if (entries === undefined || watched === undefined) return
    const keys = new Map(entries.map((entry) => [`${entry.row} ${entry.generation}`, entry]))
    for (const [key, peer] of watched) {
      if (keys.has(key)) continue
      peer.stop()
      watched.delete(key)
    }
    for (const [key, entry] of keys) {
      if (watched.has(key)) continue
      const row = table.row(upstream, entry.row, 0)
      const peer: Watched = { entry, row, busy: false, stop: () => undefined }
      watched.set(key, peer)
      // Not all at once.
      const delayMs = (this.#random() * health.intervalMs) / 10
      peer.stop = this.#after(delayMs, () => this.#check(upstream, health, peer))
    }
  }

  #check(upstream: number, health: HealthCheckConfig, peer: Watched): void {
    const config = this.#options.upstreams[upstream]
    const target = config === undefined ? null : targetOf(config.peers, peer.entry)
    if (config === undefined || target === null) return
    // One that takes longer than the interval is not overtaken.
    const cancelCheck = peer.busy ? peer.stop : this.#begin(config.name, target, health, peer)
    const delayMs = health.intervalMs * (1 - this.#random() / 10)
    const cancelNext = this.#after(delayMs, () => this.#check(upstream, health, peer))
    peer.stop = () => {
      cancelCheck()
      cancelNext()
    }
  }

  /** @returns cancels the check */
  #begin(upstream: string, target: ConnectTarget, health: HealthCheckConfig, peer: Watched): () => void {
    const { row } = peer
    if (!row.isCurrent || row.inMaintenance) return () => undefined
    peer.busy = true
    return this.#options.check(target, health, (failure) => {
      peer.busy = false
      const from = row.healthStatus
      if (!judge(row, health, failure === null)) return
      this.#options.onEvent({
        upstream,
        peer: targetName(target),
        from,
        to: row.healthStatus,
        reason: failure === null ? 'check passed' : 'check failed',
        ...(failure !== null && { detail: failure }),
      })
    })
  }
}

/**
 * Takes in the result of one check. A peer of which nothing is known is healthy after the first good one; it takes as many bad ones as any other.
 * @returns whether it has changed the peer's standing
 */
export function judge(row: PeerRow, health: HealthCheckConfig, passed: boolean): boolean {
  const inARow = row.countCheck(passed)
  const { checked } = row
  if (passed) {
    if (checked === 'healthy' || (checked === 'unhealthy' && inARow < health.healthyAfter)) return false
  } else if (checked === 'unhealthy' || inARow < health.unhealthyAfter) return false
  return row.setChecked(passed)
}

function later(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs)
  return () => clearTimeout(timer)
}
