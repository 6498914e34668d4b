import type { RingReader } from './ring-reader.js'
import type { RingWriter } from './ring-writer.js'

export interface MailboxHandler {
  /** One frame; its payload is valid only during the call. */
  onFrame(frame: RingReader): void
  /** The other side has made room after {@link Mailbox.full} was true. */
  onRoom(): void
  /** Called before frames are published, at the end of a loop turn: last chance to add to the batch. */
  beforeFlush?(): void
  /** The inbound ring is damaged; the mailbox reads no more. */
  onCorrupt(error: Error): void
}

interface Overflow {
  readonly kind: number
  readonly slot: number
  readonly generation: number
  readonly a: number
  readonly b: number
  readonly payload: Buffer
}

/** Frames handled before the loop gets its turn back. */
const MAX_BATCH = 512

const NOTHING = Buffer.alloc(0)

/**
 * One end of a pair of rings. Outgoing frames are published once per loop turn, and the other side's bell is rung only if
 * it said that it sleeps; so under load a whole batch costs one wake-up or none.
 */
export class Mailbox {
  /** Where the payload reserved last goes. */
  target: Buffer = NOTHING
  readonly #out: RingWriter
  readonly #in: RingReader
  readonly #ring: () => void
  readonly #handler: MailboxHandler
  readonly #overflow: Overflow[] = []
  readonly #flushTurn = (): void => this.#flush()
  readonly #drainTurn = (): void => this.#drain()
  #flushScheduled = false
  #urgent = false
  #drainScheduled = false
  #drainAfterFlush = false
  /** A frame found no room, and none has been made since. */
  #refused = false
  #closed = false

  /** @param ring rings the other side's bell. */
  constructor(out: RingWriter, inbound: RingReader, ring: () => void, handler: MailboxHandler) {
    this.#out = out
    this.#in = inbound
    this.#ring = ring
    this.#handler = handler
  }

  /** Largest payload of one frame, in bytes. */
  get maxPayloadBytes(): number {
    return this.#out.maxPayloadBytes
  }

  /** Nothing is read or sent any more. */
  get closed(): boolean {
    return this.#closed
  }

  /** True while frames wait for room in the ring: senders of bodies should stop until `onRoom`. */
  get congested(): boolean {
    return this.#overflow.length > 0
  }

  /** True from when a frame found no room in the ring until `onRoom`: new sessions should go elsewhere, or wait. */
  get full(): boolean {
    return this.#refused || this.#overflow.length > 0
  }

  /**
   * Makes room for a frame and returns the offset of its payload in {@link Mailbox.target}. When the ring is full the frame
   * waits in memory, in order; that queue is bounded by the credit of the sessions, who stop while {@link Mailbox.congested}.
   * After `close` the frame goes nowhere.
   * @throws RangeError when the payload is larger than {@link Mailbox.maxPayloadBytes}: it would wait for ever, and all behind it
   */
  reserve(kind: number, slot: number, generation: number, payloadBytes: number, a = 0, b = 0): number {
    if (payloadBytes > this.maxPayloadBytes) throw new RangeError(`no frame holds ${payloadBytes} bytes`)
    if (this.#overflow.length === 0) {
      const offset = this.tryReserve(kind, slot, generation, payloadBytes, a, b)
      if (offset >= 0) return offset
    }
    this.target = Buffer.allocUnsafe(payloadBytes)
    if (this.#closed) return 0
    this.#overflow.push({ kind, slot, generation, a, b, payload: this.target })
    this.#urgent = true
    this.#scheduleFlush()
    return 0
  }

  /**
   * Like {@link Mailbox.reserve}, but returns -1 when the ring is full, or too small for the frame: for what must not
   * queue (new sessions).
   */
  tryReserve(kind: number, slot: number, generation: number, payloadBytes: number, a = 0, b = 0): number {
    if (this.#closed || this.#overflow.length > 0 || payloadBytes > this.maxPayloadBytes) return -1
    const offset = this.#out.reserve(kind, slot, generation, payloadBytes, a, b)
    // Also for room the consumer must be awake: what fills the ring may have been published quietly.
    this.#urgent = true
    this.#scheduleFlush()
    if (offset < 0) {
      this.#refused = true
      return -1
    }
    this.target = this.#out.bytes
    return offset
  }

  /**
   * Like {@link Mailbox.reserve}, for frames that nobody waits for: a sleeping consumer is not woken for them, it finds them
   * when it is woken for something else or looks by itself.
   */
  reserveQuietly(kind: number, slot: number, generation: number, payloadBytes: number): number {
    const urgent = this.#urgent
    const offset = this.reserve(kind, slot, generation, payloadBytes)
    if (this.#overflow.length === 0) this.#urgent = urgent
    return offset
  }

  /** Somebody rang: read what is there. Called by the owner of the port. */
  wake(): void {
    if (this.#closed) return
    if (this.#overflow.length > 0) this.#retryOverflow()
    else if (this.#refused) this.#tellOfRoom()
    if (!this.#drainScheduled) this.#drain()
  }

  /** Reads all that is published by now, however much: for an end that is about to stop. */
  readAll(): void {
    while (this.#readBatch() === MAX_BATCH);
  }

  /** Publishes before the end of the turn; for tests and for the last words of a worker. */
  flushNow(): void {
    this.#flush()
  }

  /** Have a flush at the end of this turn even if no frame was written yet, so that `beforeFlush` runs. */
  scheduleFlush(): void {
    this.#scheduleFlush()
  }

  close(): void {
    this.#closed = true
    this.#overflow.length = 0
  }

  #drain(): void {
    this.#drainScheduled = false
    for (;;) {
      const count = this.#readBatch()
      if (count < 0) return
      if (count > 0) {
        // More is likely to follow in the next turn; looking once more is cheaper than being woken.
        this.#scheduleDrain()
        return
      }
      if (this.#in.sleep()) return
    }
  }

  /** @returns how many frames were handled, or -1 when the mailbox is closed */
  #readBatch(): number {
    if (this.#closed) return -1
    const inbound = this.#in
    try {
      let count = 0
      while (count < MAX_BATCH && inbound.next()) {
        this.#handler.onFrame(inbound)
        if (this.#closed) return -1
        count += 1
      }
      if (inbound.release()) this.#ring()
      return count
    } catch (error) {
      this.close()
      this.#handler.onCorrupt(error instanceof Error ? error : new Error(String(error)))
      return -1
    }
  }

  #scheduleDrain(): void {
    // A frame that was answered has seen to it already: the flush looks once more.
    if (this.#drainScheduled) return
    this.#drainScheduled = true
    setImmediate(this.#drainTurn)
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    if (!this.#drainScheduled) {
      // This thread has something to do in this turn, so it can look for frames at the end of it without being woken.
      this.#drainScheduled = true
      this.#drainAfterFlush = true
      this.#in.stayAwake()
    }
    setImmediate(this.#flushTurn)
  }

  #flush(): void {
    if (this.#closed) {
      this.#flushScheduled = false
      return
    }
    this.#handler.beforeFlush?.()
    this.#flushScheduled = false
    if (this.#out.publish(!this.#urgent)) this.#ring()
    this.#urgent = false
    if (!this.#drainAfterFlush) return
    this.#drainAfterFlush = false
    this.#drain()
  }

  #retryOverflow(): void {
    let sent = 0
    for (const frame of this.#overflow) {
      const offset = this.#out.reserve(
        frame.kind,
        frame.slot,
        frame.generation,
        frame.payload.length,
        frame.a,
        frame.b,
      )
      if (offset < 0) break
      this.#out.bytes.set(frame.payload, offset)
      sent += 1
    }
    if (sent === 0) return
    this.#overflow.splice(0, sent)
    this.#urgent = true
    this.#scheduleFlush()
    if (this.#overflow.length === 0) this.#tellOfRoom()
  }

  #tellOfRoom(): void {
    this.#refused = false
    this.#handler.onRoom()
  }
}
