/** What a wheel hands back: keep it, and pass it to {@link DeadlineWheel.arm} and {@link DeadlineWheel.clear}. */
export class Deadline {
  /** Tick at which the callback is due; 0 when the deadline is not armed. Set by the wheel. */
  dueTick = 0
  /** Tick of the bucket where it waits, at or before `dueTick`; 0 when it is in none. The wheel's own. */
  placedTick = 0
  /** Neighbours in the bucket's ring. The wheel's own. */
  next: Deadline = this
  previous: Deadline = this

  constructor(readonly callback: () => void) {}
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
  /**
   * Resolution in milliseconds. A deadline never fires early, and less than two ticks late: one because it falls between ticks, one
   * because it is armed between ticks. Default 50.
   */
  readonly tickMs?: number
  /** Number of buckets, a power of two. Default 512. */
  readonly buckets?: number
  readonly clock?: WheelClock
}

/**
 * Coarse timers for many deadlines that mostly never fire: one interval for all of them, O(1) to arm, re-arm and clear, nothing
 * allocated but the deadline itself. Re-arming to a later time only moves `dueTick`: the entry stays in its bucket and is
 * carried on when that bucket comes round (the common case of idle timers). Ticks are counted, not time: while the
 * event loop is held up the deadlines wait too, so that nobody is blamed for a silence that was ours.
 */
export class DeadlineWheel {
  readonly #tickMs: number
  readonly #mask: number
  /** The heads of the buckets' rings. */
  readonly #buckets: Deadline[]
  readonly #clock: WheelClock
  #stop: (() => void) | null = null
  #tick = 1
  #size = 0

  constructor(options: DeadlineWheelOptions = {}) {
    this.#tickMs = options.tickMs ?? 50
    const buckets = options.buckets ?? 512
    this.#mask = buckets - 1
    this.#buckets = Array.from({ length: buckets }, () => new Deadline(() => undefined))
    this.#clock = options.clock ?? realClock
  }

  /** Makes a deadline that is not armed yet. */
  create(callback: () => void): Deadline {
    return new Deadline(callback)
  }

  /** Arms or re-arms a deadline `delayMs` milliseconds from now. */
  arm(deadline: Deadline, delayMs: number): void {
    const due = this.#tick + Math.max(1, Math.ceil(delayMs / this.#tickMs)) + 1
    deadline.dueTick = due
    if (deadline.placedTick !== 0) {
      // Already waiting in a bucket that comes round no later than the new due time: leave it there.
      if (deadline.placedTick <= due) return
      this.#remove(deadline)
    }
    this.#place(deadline, due)
    this.#stop ??= this.#clock.every(this.#tickMs, () => this.#onTick())
  }

  /** Disarms; harmless when it is not armed. The wheel holds nothing of it any more, so what the callback holds can go. */
  clear(deadline: Deadline): void {
    deadline.dueTick = 0
    if (deadline.placedTick !== 0) this.#remove(deadline)
  }

  /** Armed deadlines. */
  get size(): number {
    return this.#size
  }

  /** Stops the interval and disarms everything. */
  close(): void {
    this.#stop?.()
    this.#stop = null
    for (const head of this.#buckets) {
      while (head.next !== head) this.clear(head.next)
    }
  }

  #place(deadline: Deadline, due: number): void {
    // At most one round ahead: what is due later is carried on from there.
    const at = Math.min(due, this.#tick + this.#mask)
    const head = this.#buckets[at & this.#mask]
    if (head === undefined) return
    deadline.placedTick = at
    deadline.next = head
    deadline.previous = head.previous
    head.previous.next = deadline
    head.previous = deadline
    this.#size += 1
  }

  #remove(deadline: Deadline): void {
    deadline.previous.next = deadline.next
    deadline.next.previous = deadline.previous
    deadline.next = deadline
    deadline.previous = deadline
    deadline.placedTick = 0
    this.#size -= 1
  }

  #onTick(): void {
    this.#tick += 1
    const head = this.#buckets[this.#tick & this.#mask]
    if (head === undefined) return
    if (this.#size === 0) {
      this.#stop?.()
      this.#stop = null
      return
    }
    // A callback may arm and clear others of this bucket; whatever is placed anew goes to another one, so this ends.
    while (head.next !== head) {
      const deadline = head.next
      this.#remove(deadline)
      if (deadline.dueTick > this.#tick) {
        this.#place(deadline, deadline.dueTick)
        continue
      }
      deadline.dueTick = 0
      deadline.callback()
    }
  }
}
