/** What a wheel hands back: keep it, and pass it to {@link DeadlineWheel.clear}. */
export interface Deadline {
  /** Tick at which the callback is due; 0 when the deadline is not armed. */
  dueTick: number
  readonly callback: () => void
}

/** Source of ticks, replaceable in tests. */
export interface WheelClock {
  /** Calls `tick` every `intervalMs` milliseconds until the returned function is called. */
  every(intervalMs: number, tick: () => void): () => void
}

const realClock: WheelClock = {
  every(intervalMs, tick) {
    const timer = setInterval(tick, intervalMs)
    timer.unref()
    return () => clearInterval(timer)
  },
}

export interface DeadlineWheelOptions {
  /** Resolution in milliseconds. Deadlines fire up to one tick late, never early. Default 50. */
  readonly tickMs?: number
  /** Number of buckets, a power of two. Default 512. */
  readonly buckets?: number
  readonly clock?: WheelClock
}

/**
 * Coarse timers for many deadlines that mostly never fire: one interval for all of them, O(1) to arm,
 * re-arm and clear, nothing allocated on re-arm. Re-arming to a later time only moves `dueTick`: the entry
 * stays in its bucket and is carried on when that bucket comes round (the common case of idle timers).
 */
export class DeadlineWheel {
  readonly #tickMs: number
  readonly #mask: number
  readonly #buckets: Set<Deadline>[]
  readonly #placed = new Map<Deadline, number>()
  readonly #clock: WheelClock
  #stop: (() => void) | null = null
  #tick = 1

  constructor(options: DeadlineWheelOptions = {}) {
    this.#tickMs = options.tickMs ?? 50
    const buckets = options.buckets ?? 512
    this.#mask = buckets - 1
    this.#buckets = Array.from({ length: buckets }, () => new Set<Deadline>())
    this.#clock = options.clock ?? realClock
  }

  /** Makes a deadline that is not armed yet. */
  create(callback: () => void): Deadline {
    return { dueTick: 0, callback }
  }

  /** Arms or re-arms a deadline `delayMs` milliseconds from now. */
  arm(deadline: Deadline, delayMs: number): void {
    const due = this.#tick + Math.max(1, Math.ceil(delayMs / this.#tickMs)) + 1
    const placedAt = this.#placed.get(deadline)
    deadline.dueTick = due
    // Already waiting in a bucket that comes round no later than the new due time: leave it there.
    if (placedAt !== undefined && placedAt <= due) return
    if (placedAt !== undefined) this.#buckets[placedAt & this.#mask]?.delete(deadline)
    this.#place(deadline, due)
    this.#stop ??= this.#clock.every(this.#tickMs, () => this.#onTick())
  }

  /** Disarms; harmless when it is not armed. The entry leaves its bucket lazily. */
  clear(deadline: Deadline): void {
    deadline.dueTick = 0
  }

  /** Deadlines that hold a place in the wheel, armed or cleared and not yet swept. */
  get size(): number {
    return this.#placed.size
  }

  /** Stops the interval and forgets everything. */
  close(): void {
    this.#stop?.()
    this.#stop = null
    this.#placed.clear()
    for (const bucket of this.#buckets) bucket.clear()
  }

  #place(deadline: Deadline, due: number): void {
    // At most one round ahead: what is due later is carried on from there.
    const at = Math.min(due, this.#tick + this.#mask)
    this.#buckets[at & this.#mask]?.add(deadline)
    this.#placed.set(deadline, at)
  }

  #onTick(): void {
    this.#tick += 1
    const bucket = this.#buckets[this.#tick & this.#mask]
    if (bucket === undefined || bucket.size === 0) {
      if (this.#placed.size === 0) {
        this.#stop?.()
        this.#stop = null
      }
      return
    }
    for (const deadline of [...bucket]) {
      bucket.delete(deadline)
      this.#placed.delete(deadline)
      if (deadline.dueTick === 0) continue
      if (deadline.dueTick > this.#tick) {
        this.#place(deadline, deadline.dueTick)
        continue
      }
      deadline.dueTick = 0
      deadline.callback()
    }
  }
}
