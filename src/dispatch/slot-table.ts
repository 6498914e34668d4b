import type { Downstream } from '../acceptor/types.js'
import { WINDOW_BYTES } from '../mailbox/index.js'
import { giveSlab } from '../memory/index.js'
import { HitStream } from './hit-stream.js'
import type { OwnAnswers } from './own-answers.js'
import { OwnSession } from './own-session.js'
import type { WorkerLink } from './worker-link.js'

/** A piece of a request body in memory of our own. */
export interface WaitingPiece {
  readonly bytes: Uint8Array
  readonly last: boolean
  /** What it lies in, to be given back once it is sent; null: in memory of its own. */
  readonly slab: Buffer | null
}

/** The acceptor thread's half of one session. Slots are reused; slot and generation together name a session. */
export interface Slot {
  readonly index: number
  generation: number
  exchange: Downstream | null
  /** Null: free, or its worker was lost while the client still takes the answer. */
  link: WorkerLink | null
  route: number
  /** Of the answer's head; 0: there is none yet. */
  status: number
  /** The configuration that the session began with. */
  own: OwnAnswers | null
  /** An answer, or its head, was given to the client. */
  answered: boolean
  /** The whole answer is with the acceptor: what is left of the session needs no worker. */
  complete: boolean
  /** The connection was upgraded: bytes go both ways, and only the worker can carry them on. */
  tunnel: boolean
  /** The worker waits for a SENT frame. */
  wantSent: boolean
  /** Request body bytes that may still be sent to the worker. */
  bodyCredit: number
  /** Request body that waits for credit. */
  readonly waiting: WaitingPiece[]
  paused: boolean
  /** Response bytes written to the client and not yet granted to the worker. */
  ungranted: number
  /** The client does not take more at the moment. */
  stalled: boolean
}

/** All slots, with a list of the free ones. Grows up to its limit and never shrinks. */
export class SlotTable {
  readonly #slots: Slot[] = []
  readonly #free: Slot[] = []
  /** Slots that there may be. What is lowered counts once sessions have ended. */
  limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  /** Sessions that hold a slot. */
  get used(): number {
    return this.#slots.length - this.#free.length
  }

  /** A fresh slot, or null when the limit is reached. */
  take(exchange: Downstream, link: WorkerLink, route: number, own: OwnAnswers | null = null): Slot | null {
    const slot = this.#free.pop() ?? this.#grow()
    if (slot === null) return null
    slot.exchange = exchange
    slot.link = link
    slot.route = route
    slot.status = 0
    slot.own = own
    slot.answered = false
    slot.complete = false
    slot.tunnel = false
    slot.wantSent = false
    slot.bodyCredit = WINDOW_BYTES
    slot.paused = false
    slot.ungranted = 0
    slot.stalled = false
    return slot
  }

  /** Gives a slot back: from now on its generation is another one. */
  release(slot: Slot): void {
    slot.generation = (slot.generation + 1) | 0
    slot.exchange = null
    slot.link = null
    // Setting a length costs even where there is nothing to remove.
    if (slot.waiting.length > 0) {
      for (const { slab } of slot.waiting) if (slab !== null) giveSlab(slab)
      slot.waiting.length = 0
    }
    this.#free.push(slot)
  }

  /** The slot of a live session, or null when the session is over (a late answer). */
  find(index: number, generation: number): Slot | null {
    const slot = this.#slots[index]
    return slot !== undefined && slot.exchange !== null && slot.generation === generation ? slot : null
  }

  /** All slots in use by a worker's link. */
  of(link: WorkerLink): Slot[] {
    return this.#slots.filter((slot) => slot.link === link)
  }

  #grow(): Slot | null {
    if (this.#slots.length >= this.limit) return null
    const slot: Slot = {
      index: this.#slots.length,
      generation: 1,
      exchange: null,
      link: null,
      route: 0,
      status: 0,
      own: null,
      answered: false,
      complete: false,
      tunnel: false,
      wantSent: false,
      bodyCredit: 0,
      waiting: [],
      paused: false,
      ungranted: 0,
      stalled: false,
    }
    this.#slots.push(slot)
    return slot
  }
}

/** The slot that an exchange's session holds, null before and behind it. */
export function slotOf(exchange: Downstream): Slot | null {
  const { owner } = exchange
  return owner instanceof OwnSession || owner instanceof HitStream ? null : (owner as Slot | null)
}
