import type { Downstream } from '../acceptor/types.js'
import {
  BODY,
  bodyView,
  CREDIT,
  END,
  FAIL,
  HEAD,
  headBody,
  INFO,
  type RingReader,
  readHead,
  readText,
  WINDOW_BYTES,
} from '../mailbox/index.js'
import { noAnswer } from './dispatch-errors.js'
import type { OwnAnswers } from './own-answers.js'
import type { RequestBodies } from './request-bodies.js'
import type { SessionCounts } from './session-counts.js'
import type { Slot, SlotTable } from './slot-table.js'

/** Moves what workers answer to the clients, and gives the workers credit as far as clients take it. */
export class ResponseFrames {
  readonly #slots: SlotTable
  readonly #bodies: RequestBodies
  readonly #counts: SessionCounts
  readonly #free: (slot: Slot) => void

  /** @param free the session of a slot is over */
  constructor(slots: SlotTable, bodies: RequestBodies, counts: SessionCounts, free: (slot: Slot) => void) {
    this.#slots = slots
    this.#bodies = bodies
    this.#counts = counts
    this.#free = free
  }

  /** A frame of a worker; what is for a session that is over is dropped. */
  onFrame(frame: RingReader): void {
    const slot = this.#slots.find(frame.slot, frame.generation)
    if (slot === null || slot.exchange === null || slot.own === null) return
    const { exchange, own } = slot
    switch (frame.kind) {
      case HEAD:
        this.#onHead(slot, exchange, own, frame)
        return
      case BODY: {
        const room = exchange.write(bodyView(frame))
        slot.ungranted += frame.length
        if (room) this.#grant(slot, WINDOW_BYTES / 2)
        else slot.stalled = true
        return
      }
      case END:
        slot.complete = !slot.tunnel
        exchange.end(readText(frame))
        return
      case FAIL: {
        const { answered, route } = slot
        this.#free(slot)
        if (answered) {
          this.#counts.aborted()
          exchange.abort()
        } else own.error(exchange, route, noAnswer())
        return
      }
      case INFO:
        exchange.writeInformational?.(frame.a, readText(frame))
        return
      case CREDIT:
        this.#bodies.grant(slot, frame.a)
        return
      default:
    }
  }

  #onHead(slot: Slot, exchange: Downstream, own: OwnAnswers, frame: RingReader): void {
    const head = readHead(frame)
    const { status, statusText, contentLength } = head
    const headerBlock = head.headerBlock + own.commonFields
    slot.answered = true
    slot.status = head.status
    slot.complete = head.complete
    slot.wantSent = head.wantSent
    this.#counts.status(status)
    own.count(exchange, slot.route, status)
    if (status === 101) {
      slot.tunnel = true
      exchange.upgrade?.(statusText, head.headerBlock)
      return
    }
    if (!head.complete) {
      exchange.writeHead(status, statusText, headerBlock, contentLength)
      return
    }
    exchange.respond(status, statusText, headerBlock, headBody(frame), contentLength)
  }

  /** The client takes more again. */
  onDrain(slot: Slot): void {
    slot.stalled = false
    this.#grant(slot, 1)
  }

  /** Lets the worker send more once `atLeast` bytes have gone out. */
  #grant(slot: Slot, atLeast: number): void {
    if (slot.stalled || slot.ungranted < atLeast || slot.link === null) return
    slot.link.mailbox.reserve(CREDIT, slot.index, slot.generation, 0, slot.ungranted)
    slot.ungranted = 0
  }
}
