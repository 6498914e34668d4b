import { type AdLogger, SILENT } from '../context/ad-logger.js'

/** Takes events in batches. What it has taken is its own; what it rejects comes again, so an event may come twice. */
export interface EventSink<Event> {
  /** Stands in logs. */
  readonly name: string
  deliver(events: readonly Event[]): Promise<void>
  close(): Promise<void>
}

export interface EventQueueOptions {
  /** Events that wait, the batch under way included. Default 10,000. */
  readonly capacity?: number
  /** Most events in one delivery. Default 100. */
  readonly batchSize?: number
  /** How long a batch that is not full waits for more. Default 1,000 ms. */
  readonly lingerMs?: number
  /** Wait after a delivery that failed, doubled with each in a row. Default 200 ms. */
  readonly retryMs?: number
  /** Default 10,000 ms. */
  readonly maxRetryMs?: number
  readonly logger?: AdLogger
  /** Told of each change of {@link EventQueue.stats}. */
  readonly onCount?: (what: keyof EventQueueStats, amount: number) => void
}

export interface EventQueueStats {
  accepted: number
  delivered: number
  /** Refused because the queue was full, or given up when it was closed. */
  dropped: number
  /** Deliveries that failed and are repeated. */
  failures: number
}

/**
 * Events on their way to a sink, beside the requests that cause them (F-27): bounded, in order, each delivered at least once while the process
 * lives. What does not fit is dropped and counted, never waited for.
 */
export class EventQueue<Event> {
  readonly stats: EventQueueStats = { accepted: 0, delivered: 0, dropped: 0, failures: 0 }
  readonly #sink: EventSink<Event>
  readonly #options: EventQueueOptions
  readonly #logger: AdLogger
  readonly #events: Event[] = []
  #delivering: Promise<void> | null = null
  #timer: NodeJS.Timeout | null = null
  #wake: (() => void) | null = null
  #failuresInRow = 0
  #isClosed = false

  constructor(sink: EventSink<Event>, options: EventQueueOptions = {}) {
    this.#sink = sink
    this.#options = options
    this.#logger = options.logger ?? SILENT
  }

  /** Events that wait, those under way included. */
  get size(): number {
    return this.#events.length
  }

  /** Takes an event. @returns false when it was dropped */
  push(event: Event): boolean {
    if (this.#isClosed || this.#events.length >= (this.#options.capacity ?? 10_000)) {
      if (this.stats.dropped === 0) {
        this.#logger.warn({ sink: this.#sink.name }, 'analytics events are dropped: the queue is full')
      }
      this.#count('dropped', 1)
      return false
    }
    this.#events.push(event)
    this.#count('accepted', 1)
    if (this.#delivering !== null) return true
    if (this.#events.length >= this.#batchSize) void this.flush()
    else if (this.#timer === null) {
      this.#timer = setTimeout(() => void this.flush(), this.#options.lingerMs ?? 1000)
      this.#timer.unref()
    }
    return true
  }

  /** Delivers all that waits now. Settles when it is delivered or the queue is closed; never rejects. */
  flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#delivering ??= this.#deliverAll().finally(() => {
      this.#delivering = null
    })
    return this.#delivering
  }

  /** Takes no more, delivers what it has within the time, counts the rest as dropped. Idempotent. */
  async close(timeoutMs = 5000): Promise<void> {
    if (this.#isClosed) return
    const flushed = this.flush()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs)
    })
    await Promise.race([flushed, late])
    clearTimeout(timer)
    this.#isClosed = true
    this.#wake?.()
    const left = this.#events.length
    if (left > 0) {
      this.#count('dropped', left)
      this.#logger.warn({ sink: this.#sink.name, events: left }, 'analytics events were lost at the end')
    }
    await this.#sink.close()
  }

  get #batchSize(): number {
    return this.#options.batchSize ?? 100
  }

  #count(what: keyof EventQueueStats, amount: number): void {
    this.stats[what] += amount
    this.#options.onCount?.(what, amount)
  }

  async #deliverAll(): Promise<void> {
    while (this.#events.length > 0 && !this.#isClosed) {
      const batch = this.#events.slice(0, this.#batchSize)
      try {
        await this.#sink.deliver(batch)
        if (this.#isClosed) return
        this.#events.splice(0, batch.length)
        this.#count('delivered', batch.length)
        this.#failuresInRow = 0
      } catch (err) {
        this.#count('failures', 1)
        this.#failuresInRow += 1
        this.#logger.warn(
          { sink: this.#sink.name, err, events: this.size },
          'analytics events were not taken',
        )
        await this.#pause()
      }
    }
  }

  async #pause(): Promise<void> {
    if (this.#isClosed) return
    const { retryMs = 200, maxRetryMs = 10_000 } = this.#options
    const delayMs = Math.min(maxRetryMs, retryMs * 2 ** Math.min(20, this.#failuresInRow - 1))
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, delayMs)
      timer.unref()
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = null
  }
}
