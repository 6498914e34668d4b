import { type DeadlineWheel, now } from '../../time/index.js'
import type { Connection } from './connection.js'
import type { ConnectionOwner } from './connection-owner.js'
import type { ReaderLimits } from './response-reader.js'
import type { ConnectorStats } from './types.js'

/** How long before the upstream's announced idle limit we stop trusting a connection (the keep-alive race, A11). */
const KEEP_ALIVE_MARGIN_MS = 500

/** What all pools of a connector share. */
export interface PoolContext {
  readonly wheel: DeadlineWheel
  readonly limits: ReaderLimits
  readonly stats: ConnectorStats
  readonly maxIdle: number
  readonly idleMs: number
  readonly maxAgeMs: number
  /** Connections are not kept any more. */
  closing: boolean
  /** The last connection of a pool has gone. */
  onEmpty(pool: TargetPool): void
}

/**
 * The connections to one target: a stack of idle ones, the most recently used on top, so that surplus ones grow old
 * and leave. Busy connections are only counted.
 */
export class TargetPool implements ConnectionOwner {
  readonly id: string
  readonly #context: PoolContext
  readonly #idle: Connection[] = []
  /** Those that exist: connecting, busy and idle. */
  readonly #connections = new Set<Connection>()

  constructor(id: string, context: PoolContext) {
    this.id = id
    this.#context = context
  }

  get wheel(): DeadlineWheel {
    return this.#context.wheel
  }

  get limits(): ReaderLimits {
    return this.#context.limits
  }

  /** The idle connection that was used last, and is ready. */
  take(): Connection | undefined {
    let at = this.#idle.length - 1
    while (this.#idle[at]?.isReady === false) at -= 1
    const connection = this.#idle[at]
    if (connection === undefined) return undefined
    if (at === this.#idle.length - 1) this.#idle.pop()
    else this.#idle.splice(at, 1)
    const { stats } = this.#context
    stats.idle -= 1
    stats.active += 1
    stats.reuses += 1
    return connection
  }

  /** Takes a connection that is about to be made. */
  opening(connection: Connection): void {
    this.#connections.add(connection)
    this.#context.stats.opened += 1
    this.#context.stats.active += 1
  }

  /** When a connection that is made now is too old to be kept: up to a fifth early, so that not all end together. */
  retireAt(): number {
    const { maxAgeMs } = this.#context
    return maxAgeMs > 0 ? now() + maxAgeMs * (1 - Math.random() / 5) : Number.POSITIVE_INFINITY
  }

  keepMs(retireAt: number, keepAliveSeconds: number): number {
    const { closing, idleMs } = this.#context
    if (closing || (retireAt !== Number.POSITIVE_INFINITY && now() >= retireAt)) return 0
    return keepAliveSeconds < 0 ? idleMs : Math.min(idleMs, keepAliveSeconds * 1000 - KEEP_ALIVE_MARGIN_MS)
  }

  onIdle(connection: Connection): void {
    const { stats, maxIdle } = this.#context
    stats.active -= 1
    stats.idle += 1
    this.#idle.push(connection)
    if (this.#idle.length > maxIdle) this.#idle[0]?.drop()
  }

  onClosed(connection: Connection, wasIdle: boolean): void {
    const { stats } = this.#context
    if (wasIdle) {
      stats.idle -= 1
      // Found at once: those that expire are at the front.
      this.#idle.splice(this.#idle.indexOf(connection), 1)
    } else stats.active -= 1
    this.#connections.delete(connection)
    if (this.#connections.size === 0) this.#context.onEmpty(this)
  }

  onDropped(): void {
    this.#context.stats.dropped += 1
  }

  dropIdle(): void {
    for (const connection of [...this.#idle]) connection.drop()
  }

  /** The name has these addresses now: connections to others are not used again. Null: none is. */
  retain(addresses: ReadonlySet<string> | null): void {
    for (const connection of [...this.#connections]) connection.retire(addresses)
  }
}
